// The first frame in each direction. Clients before 3.5 leave out the readOnly byte at the end, and an answer carries it only
// when the request did.
#pragma once

#include <optional>

#include "lib/base/result.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"
#include "lib/zk/zookeeper.h"

namespace millrace::zk {

struct ConnectRequestFrame {
    ConnectRequest request;
    std::optional<bool>
        read_only;  // empty: an old client, which must not land on a read-only server

    // Reads the whole frame; errors: malformed (also for bytes behind the readOnly byte).
    static Result<ConnectRequestFrame> decode(wire::Reader& reader);
    void encode(wire::Writer& writer) const;
    bool operator==(const ConnectRequestFrame&) const = default;
};

struct ConnectResponseFrame {
    ConnectResponse response;
    std::optional<bool> read_only;

    static Result<ConnectResponseFrame> decode(wire::Reader& reader);
    void encode(wire::Writer& writer) const;
    bool operator==(const ConnectResponseFrame&) const = default;
};

}  // namespace millrace::zk
