#include "lib/zk/connect.h"

#include "lib/zk/jute_codec.h"

namespace millrace::zk {
namespace {

std::optional<bool> read_trailing_flag(wire::Reader& reader) {
    if (reader.at_end()) {
        return std::nullopt;
    }
    return reader.boolean();
}

void write_trailing_flag(wire::Writer& writer, std::optional<bool> flag) {
    if (flag) {
        writer.boolean(*flag);
    }
}

}  // namespace

Result<ConnectRequestFrame> ConnectRequestFrame::decode(wire::Reader& reader) {
    ConnectRequestFrame frame;
    frame.request.read(reader);
    frame.read_only = read_trailing_flag(reader);
    if (!reader.ok() || !reader.at_end()) {
        return malformed_record("ConnectRequest", reader);
    }
    return frame;
}

void ConnectRequestFrame::encode(wire::Writer& writer) const {
    request.encode(writer);
    write_trailing_flag(writer, read_only);
}

Result<ConnectResponseFrame> ConnectResponseFrame::decode(wire::Reader& reader) {
    ConnectResponseFrame frame;
    frame.response.read(reader);
    frame.read_only = read_trailing_flag(reader);
    if (!reader.ok() || !reader.at_end()) {
        return malformed_record("ConnectResponse", reader);
    }
    return frame;
}

void ConnectResponseFrame::encode(wire::Writer& writer) const {
    response.encode(writer);
    write_trailing_flag(writer, read_only);
}

}  // namespace millrace::zk
