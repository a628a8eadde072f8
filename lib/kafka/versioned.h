// Messages that carry their version in front: keys and values of the internal topics, control
// records, the metadata that consumers exchange in a group.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"

namespace millrace::kafka {

template <class Message>
Bytes encode_versioned(const Message& message, std::int16_t version) {
    wire::Writer writer;
    writer.int16(version);
    message.encode(writer, version);
    return writer.take();
}

// The version in front, or malformed.
inline Result<std::int16_t> peek_version(BytesView bytes) {
    wire::Reader reader(bytes);
    const std::int16_t version = reader.int16();
    if (!reader.ok()) {
        return fail(Errc::malformed, "no room for a version");
    }
    return version;
}

// Errors: malformed, unsupported (a version outside those of the message).
template <class Message>
Result<Message> decode_versioned(BytesView bytes) {
    wire::Reader reader(bytes);
    const std::int16_t version = reader.int16();
    if (reader.ok() && (version < Message::kMinVersion || version > Message::kMaxVersion)) {
        return fail(Errc::unsupported,
                    fmt::format("version {} of a record, known are {} to {}", version,
                                Message::kMinVersion, Message::kMaxVersion));
    }
    return Message::decode(reader, version);
}

// For messages whose later versions only append fields (consumer protocol, control record keys): a
// version that is not known yet is read as the newest known one. Errors: malformed, unsupported
// (below the first version).
template <class Message>
Result<Message> decode_newest_known(BytesView bytes) {
    wire::Reader reader(bytes);
    const std::int16_t version = reader.int16();
    if (reader.ok() && version < Message::kMinVersion) {
        return fail(Errc::unsupported, fmt::format("version {} of a message", version));
    }
    return Message::decode(reader, std::min(version, Message::kMaxVersion));
}

}  // namespace millrace::kafka
