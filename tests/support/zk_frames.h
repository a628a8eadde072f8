// Both ends of the ZooKeeper client protocol, as a test plays the server.
#pragma once

#include <vector>

#include "lib/wire/reader.h"
#include "lib/wire/writer.h"
#include "lib/zk/connect.h"
#include "lib/zk/error_code.h"
#include "lib/zk/op_code.h"
#include "lib/zk/zookeeper.h"

namespace millrace::testing {

struct ZkRequest {
    std::int32_t xid = 0;
    zk::OpCode op = zk::OpCode::error;
    Bytes body;
};

// The frames a client has sent. The greeting has no header: take it first.
inline std::vector<Bytes> split_frames(BytesView bytes) {
    std::vector<Bytes> frames;
    wire::Reader in(bytes);
    while (!in.at_end()) {
        const BytesView frame = in.bytes(static_cast<std::size_t>(in.int32()));
        frames.emplace_back(frame.begin(), frame.end());
    }
    return frames;
}

inline std::vector<ZkRequest> split_requests(BytesView bytes) {
    std::vector<ZkRequest> requests;
    for (const Bytes& frame : split_frames(bytes)) {
        wire::Reader in(frame);
        ZkRequest request;
        request.xid = in.int32();
        request.op = static_cast<zk::OpCode>(in.int32());
        const BytesView body = in.bytes(in.remaining());
        request.body.assign(body.begin(), body.end());
        requests.push_back(std::move(request));
    }
    return requests;
}

inline Bytes framed(BytesView body) {
    wire::Writer out;
    out.int32(static_cast<std::int32_t>(body.size()));
    out.bytes(body);
    return out.take();
}

inline Bytes greeting_answer(std::int64_t session, std::int32_t timeout_millis) {
    zk::ConnectResponseFrame answer;
    answer.response.time_out = timeout_millis;
    answer.response.session_id = session;
    answer.response.passwd = Bytes(16, std::byte{7});
    answer.read_only = false;
    wire::Writer out;
    answer.encode(out);
    return framed(out.view());
}

struct NoBody {
    void encode(wire::Writer&) const {}
};

template <class Body = NoBody>
Bytes answer_to(std::int32_t xid, std::int64_t zxid, zk::ErrorCode error = zk::ErrorCode::ok,
                const Body& body = {}) {
    wire::Writer out;
    zk::ReplyHeader{xid, zxid, static_cast<std::int32_t>(error)}.encode(out);
    body.encode(out);
    return framed(out.view());
}

inline Bytes notification(std::int32_t type, const std::string& path, std::int64_t zxid) {
    return answer_to(zk::kNotificationXid, zxid, zk::ErrorCode::ok,
                     zk::WatcherEvent{type, 3, path});
}

}  // namespace millrace::testing
