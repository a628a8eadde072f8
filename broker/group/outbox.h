// Collects the effects of one step, and names the appends.
#pragma once

#include <utility>
#include <vector>

#include "broker/group/requests.h"

namespace millrace::broker::group {

class Outbox {
 public:
    template <class Answer>
    void respond(Token token, Answer answer) {
        x_effects.push_back(Respond{token, Response(std::move(answer))});
    }

    // Fills in the ticket, and returns it.
    Ticket append(Append append) {
        append.ticket = x_next;
        x_next = x_next.next();
        x_effects.push_back(std::move(append));
        return std::get<Append>(x_effects.back()).ticket;
    }

    std::vector<Effect> take() { return std::exchange(x_effects, {}); }

 private:
    std::vector<Effect> x_effects;
    Ticket x_next{1};
};

}  // namespace millrace::broker::group
