// Timing as in the leader election of client-go: 15 s lease, 10 s renew deadline, 2 s retry.
#include "operator/kube/lease.h"

using millrace::Errc;
using millrace::Instant;
using millrace::WallTime;
using namespace millrace::kube_operator::kube;
using millrace::operator""s;
using Kind = LeaseAction::Kind;

namespace {

LeaseElector elected(Instant now) {
    LeaseElector elector("me", {});
    REQUIRE(elector.on_timer(now).kind == Kind::read);
    const LeaseAction create = elector.on_read(std::nullopt, now, WallTime{1});
    REQUIRE(create.kind == Kind::create);
    elector.on_written(std::string("1"), create.record, now);
    return elector;
}

LeaseRecord held_by(const std::string& holder) {
    return {holder, 15, WallTime{1}, WallTime{1}, 3};
}

}  // namespace

TEST_CASE("Without a lease it is created and its creator leads") {
    const LeaseElector elector = elected(Instant{});
    REQUIRE(elector.leading(Instant{}));
    REQUIRE(elector.holder() == "me");
}

TEST_CASE("A leader that cannot renew stops leading after the renew deadline by its own clock") {
    const LeaseElector elector = elected(Instant{});
    REQUIRE(elector.leading(Instant{9s}));
    REQUIRE_FALSE(elector.leading(Instant{10s}));
}

TEST_CASE("The lease of another holder is left alone until it has not changed for its duration") {
    LeaseElector elector("me", {});
    const ObservedLease seen{held_by("other"), "5"};
    for (int second = 0; second < 15; second += 2) {
        elector.on_timer(Instant{std::chrono::seconds(second)});
        REQUIRE(elector.on_read(seen, Instant{std::chrono::seconds(second)}, WallTime{9}).kind ==
                Kind::none);
    }
    elector.on_timer(Instant{16s});
    const LeaseAction take = elector.on_read(seen, Instant{16s}, WallTime{9});
    REQUIRE(take.kind == Kind::update);
    REQUIRE(take.resource_version == "5");
    REQUIRE(take.record.transitions == 4);
}

TEST_CASE("A renewal by the other holder begins the wait anew") {
    LeaseElector elector("me", {});
    LeaseRecord record = held_by("other");
    elector.on_read(ObservedLease{record, "5"}, Instant{}, WallTime{9});
    record.renewed = WallTime{2};
    elector.on_read(ObservedLease{record, "6"}, Instant{14s}, WallTime{9});
    REQUIRE(elector.on_read(ObservedLease{record, "6"}, Instant{20s}, WallTime{9}).kind ==
            Kind::none);
}

TEST_CASE("Losing the race for an expired lease does not lead") {
    LeaseElector elector("me", {});
    elector.on_read(ObservedLease{held_by("other"), "5"}, Instant{}, WallTime{9});
    elector.on_timer(Instant{16s});
    const LeaseAction take =
        elector.on_read(ObservedLease{held_by("other"), "5"}, Instant{16s}, WallTime{9});
    elector.on_written(millrace::fail(Errc::conflict, "modified"), take.record, Instant{16s});
    REQUIRE_FALSE(elector.leading(Instant{16s}));
}

TEST_CASE("A leader that reads another holder no longer leads") {
    LeaseElector elector = elected(Instant{});
    elector.on_timer(Instant{2s});
    REQUIRE(elector.on_read(ObservedLease{held_by("other"), "9"}, Instant{2s}, WallTime{9}).kind ==
            Kind::none);
    REQUIRE_FALSE(elector.leading(Instant{2s}));
}

TEST_CASE("A renewal keeps the fencing token and a takeover raises it") {
    LeaseElector elector = elected(Instant{});
    const std::uint64_t token = elector.fencing_token();
    elector.on_timer(Instant{2s});
    LeaseRecord own{"me", 15, WallTime{1}, WallTime{1}, token};
    const LeaseAction renew = elector.on_read(ObservedLease{own, "1"}, Instant{2s}, WallTime{2000});
    REQUIRE(renew.kind == Kind::update);
    REQUIRE(renew.record.transitions == token);
}

TEST_CASE("A released lease is taken at once by the next candidate") {
    LeaseElector elector = elected(Instant{});
    const std::optional<LeaseAction> release = elector.release(WallTime{5});
    REQUIRE(release);
    REQUIRE(release->record.holder.empty());
    REQUIRE_FALSE(elector.leading(Instant{}));
    LeaseElector next("next", {});
    next.on_timer(Instant{});
    REQUIRE(next.on_read(ObservedLease{release->record, "2"}, Instant{}, WallTime{5}).kind ==
            Kind::update);
}
