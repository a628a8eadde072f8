// The sessions of a server: when each was last heard of and when it ends. Pure: time is an argument.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "lib/base/time.h"

namespace millrace::coordinator::tree {

// The first id of a server that started at this wall time: the server's id in the top byte, time in the middle.
std::int64_t first_session_id(std::uint8_t server_id, WallTime started);

class Sessions {
 public:
    struct Limits {
        Duration tick = 2s;
        std::int32_t timeout_min_ms = 4'000;
        std::int32_t timeout_max_ms = 40'000;
    };

    Sessions(const Limits& limits, std::int64_t first_id);

    // The timeout a client gets for the one it asked for, milliseconds.
    std::int32_t negotiate(std::int32_t asked_ms) const;
    // An id nobody has.
    std::int64_t next_id();

    // A session that was created now, or that recovery found; its timeout starts now.
    void add(std::int64_t session, std::int32_t timeout_ms, Instant now);
    void remove(std::int64_t session);
    // Heard of: the timeout starts again. False when there is no such session or it is closing.
    bool touch(std::int64_t session, Instant now);
    // A session taken up again with another timeout.
    bool resume(std::int64_t session, std::int32_t timeout_ms, Instant now);
    // From now on its requests are refused; the transaction that ends it is on the way.
    void set_closing(std::int64_t session);

    // Takes requests: known and not closing.
    bool is_open(std::int64_t session) const;
    bool is_known(std::int64_t session) const { return x_sessions.contains(session); }
    std::optional<std::int32_t> timeout_ms(std::int64_t session) const;
    std::size_t size() const { return x_sessions.size(); }

    // Sessions whose time is up, ordered by id and marked as closing.
    std::vector<std::int64_t> expire(Instant now);
    // When expire should be called next; nothing without sessions.
    std::optional<Instant> next_expiry() const;

    // Expiry times and the sessions under each, for the dump command.
    std::map<Instant, std::vector<std::int64_t>> by_expiry() const;

    void invariants() const;

 private:
    struct Session {
        std::int32_t timeout_ms = 0;
        bool closing = false;
        Instant expiry;  // a multiple of the tick
    };
    Instant rounded(Instant time) const;
    void schedule(std::int64_t id, Session& session, Instant now);
    void unschedule(std::int64_t id, const Session& session);

    Limits x_limits;
    std::int64_t x_next_id;
    boost::unordered_flat_map<std::int64_t, Session> x_sessions;
    std::map<Instant, boost::unordered_flat_set<std::int64_t>> x_buckets;
};

}  // namespace millrace::coordinator::tree
