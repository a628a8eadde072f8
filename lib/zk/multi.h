// The bodies of multi (14) and multiRead (22): a sequence of MultiHeader and record, ended by a header with done set.
#pragma once

#include <variant>
#include <vector>

#include "lib/base/result.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"
#include "lib/zk/error_code.h"
#include "lib/zk/op_code.h"
#include "lib/zk/zookeeper.h"

namespace millrace::zk {

// type says which record it is: create, create2 and create_container carry a CreateRequest, create_ttl a CreateTtlRequest,
// remove, set_data and check their own (all three kinds of multi), get_children and get_data those of multiRead.
struct MultiOperation {
    using Request = std::variant<CreateRequest, CreateTtlRequest, DeleteRequest, SetDataRequest,
                                 CheckVersionRequest, GetChildrenRequest, GetDataRequest>;

    OpCode type = OpCode::check;
    Request request = CheckVersionRequest{};

    bool operator==(const MultiOperation&) const = default;
};

struct MultiRequest {
    std::vector<MultiOperation> operations;

    // Errors: malformed, also for a type that no multi has and for reads and writes in one request.
    static Result<MultiRequest> decode(wire::Reader& reader);
    // An operation whose type does not fit its record is a broken invariant.
    void encode(wire::Writer& writer) const;
    bool operator==(const MultiRequest&) const = default;
};

// type: create {CreateResponse}; create2 {Create2Response}, also for containers and TTL nodes; remove and check, nothing;
// set_data {SetDataResponse}; get_children and get_data, theirs; error, whose code is in err (it is ok otherwise).
struct MultiResult {
    using Response = std::variant<std::monostate, CreateResponse, Create2Response, SetDataResponse,
                                  GetChildrenResponse, GetDataResponse>;

    OpCode type = OpCode::check;
    ErrorCode err = ErrorCode::ok;
    Response response;

    bool operator==(const MultiResult&) const = default;
};

struct MultiResponse {
    std::vector<MultiResult> results;

    static Result<MultiResponse> decode(wire::Reader& reader);
    void encode(wire::Writer& writer) const;
    bool operator==(const MultiResponse&) const = default;
};

}  // namespace millrace::zk
