#include "operator/server/pass.h"

#include <nlohmann/json.hpp>

namespace millrace::kube_operator::server {

void finish_pass(World& world, kube::JsonPtr about, std::vector<reconcile::Action> actions,
                 std::vector<Applier::StatusWrite> writes,
                 std::move_only_function<void(Status)> done) {
    world.applier.perform(about, std::move(actions),
                          [&world, about, writes = std::move(writes),
                           done = std::move(done)](const Status& performed) mutable {
                              if (!performed) {
                                  world.events.record(*about, kube::EventSeverity::warning,
                                                      "ActionFailed", performed.error().message);
                              }
                              world.applier.write_statuses(
                                  std::move(writes),
                                  [performed, done = std::move(done)](Status written) mutable {
                                      done(performed ? std::move(written) : performed);
                                  });
                          });
}

}  // namespace millrace::kube_operator::server
