#include "lib/zk/multi.h"

#include "lib/base/check.h"
#include "lib/zk/jute_codec.h"

namespace millrace::zk {
namespace {

constexpr MultiHeader kTrailer = {-1, true, -1};

enum class OperationKind { none, write, read };

template <class T, class Variant>
OperationKind read_into(wire::Reader& reader, Variant& target, OperationKind kind) {
    target.template emplace<T>().read(reader);
    return kind;
}

// Reads the record that belongs to the type. none: no multi has this type.
OperationKind read_operation(wire::Reader& reader, OpCode type, MultiOperation::Request& request) {
    constexpr OperationKind kWrite = OperationKind::write;
    constexpr OperationKind kRead = OperationKind::read;
    if (type == OpCode::create || type == OpCode::create2 || type == OpCode::create_container) {
        return read_into<CreateRequest>(reader, request, kWrite);
    }
    if (type == OpCode::create_ttl) {
        return read_into<CreateTtlRequest>(reader, request, kWrite);
    }
    if (type == OpCode::remove) {
        return read_into<DeleteRequest>(reader, request, kWrite);
    }
    if (type == OpCode::set_data) {
        return read_into<SetDataRequest>(reader, request, kWrite);
    }
    if (type == OpCode::check) {
        return read_into<CheckVersionRequest>(reader, request, kWrite);
    }
    if (type == OpCode::get_children) {
        return read_into<GetChildrenRequest>(reader, request, kRead);
    }
    if (type == OpCode::get_data) {
        return read_into<GetDataRequest>(reader, request, kRead);
    }
    return OperationKind::none;
}

bool holds_request_of(const MultiOperation& operation) {
    const OpCode type = operation.type;
    const bool create =
        type == OpCode::create || type == OpCode::create2 || type == OpCode::create_container;
    constexpr OpCode kTypes[] = {OpCode::create,   OpCode::create_ttl, OpCode::remove,
                                 OpCode::set_data, OpCode::check,      OpCode::get_children,
                                 OpCode::get_data};
    const OpCode expected = kTypes[operation.request.index()];
    return type == expected || (create && expected == OpCode::create);
}

// False: no result has this type.
bool read_result(wire::Reader& reader, MultiResult& result) {
    if (result.type == OpCode::create) {
        result.response.emplace<CreateResponse>().read(reader);
    } else if (result.type == OpCode::create2) {
        result.response.emplace<Create2Response>().read(reader);
    } else if (result.type == OpCode::set_data) {
        result.response.emplace<SetDataResponse>().read(reader);
    } else if (result.type == OpCode::get_children) {
        result.response.emplace<GetChildrenResponse>().read(reader);
    } else if (result.type == OpCode::get_data) {
        result.response.emplace<GetDataResponse>().read(reader);
    } else if (result.type == OpCode::error) {
        result.err = static_cast<ErrorCode>(reader.int32());
    } else {
        return result.type == OpCode::remove || result.type == OpCode::check;
    }
    return true;
}

bool holds_response_of(const MultiResult& result) {
    constexpr OpCode kTypes[] = {OpCode::check,    OpCode::create,       OpCode::create2,
                                 OpCode::set_data, OpCode::get_children, OpCode::get_data};
    const OpCode expected = kTypes[result.response.index()];
    const bool empty = result.type == OpCode::remove || result.type == OpCode::error;
    return result.type == expected || (empty && expected == OpCode::check);
}

}  // namespace

Result<MultiRequest> MultiRequest::decode(wire::Reader& reader) {
    MultiRequest multi;
    OperationKind kind = OperationKind::none;
    MultiHeader header;
    for (header.read(reader); reader.ok() && !header.done; header.read(reader)) {
        MultiOperation& operation = multi.operations.emplace_back();
        operation.type = static_cast<OpCode>(header.type);
        const OperationKind one = read_operation(reader, operation.type, operation.request);
        if (one == OperationKind::none || (kind != OperationKind::none && one != kind)) {
            reader.fail();
        }
        kind = one;
    }
    if (!reader.ok()) {
        return malformed_record("MultiRequest", reader);
    }
    return multi;
}

void MultiRequest::encode(wire::Writer& writer) const {
    for (const MultiOperation& operation : operations) {
        CHECK(holds_request_of(operation));
        MultiHeader{static_cast<std::int32_t>(operation.type), false, -1}.encode(writer);
        std::visit([&](const auto& request) { request.encode(writer); }, operation.request);
    }
    kTrailer.encode(writer);
}

Result<MultiResponse> MultiResponse::decode(wire::Reader& reader) {
    MultiResponse multi;
    MultiHeader header;
    for (header.read(reader); reader.ok() && !header.done; header.read(reader)) {
        MultiResult& result = multi.results.emplace_back();
        result.type = static_cast<OpCode>(header.type);
        if (!read_result(reader, result)) {
            reader.fail();
        }
    }
    if (!reader.ok()) {
        return malformed_record("MultiResponse", reader);
    }
    return multi;
}

void MultiResponse::encode(wire::Writer& writer) const {
    for (const MultiResult& result : results) {
        CHECK(holds_response_of(result));
        const auto err = static_cast<std::int32_t>(result.err);
        MultiHeader{static_cast<std::int32_t>(result.type), false, err}.encode(writer);
        if (result.type == OpCode::error) {
            writer.int32(err);
            continue;
        }
        std::visit(
            [&]<class T>(const T& response) {
                if constexpr (!std::is_same_v<T, std::monostate>) {
                    response.encode(writer);
                }
            },
            result.response);
    }
    kTrailer.encode(writer);
}

}  // namespace millrace::zk
