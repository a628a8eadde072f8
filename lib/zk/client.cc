#include "lib/zk/client.h"

#include "lib/zk/acl.h"
#include "lib/zk/client_driver.h"
#include "lib/zk/multi.h"
#include "lib/zk/path.h"

namespace millrace::zk {
namespace {

template <class Record>
Bytes encoded(const Record& record) {
    wire::Writer out;
    record.encode(out);
    return out.take();
}

Bytes copy_of(BytesView bytes) {
    return {bytes.begin(), bytes.end()};
}

// A reply that decodes Response and hands what read takes out of it to the caller.
template <class Response, class T, class Read>
ClientSession::Reply reply_with(Callback<T> then, Read read) {
    return [then = std::move(then), read = std::move(read)](ErrorCode error, std::int64_t zxid,
                                                            wire::Reader& body) mutable {
        Answer<T> answer{error, {}, zxid};
        if (error == ErrorCode::ok) {
            if (Result<Response> response = Response::decode(body)) {
                answer.value = read(std::move(*response));
            } else {
                answer.error = ErrorCode::marshalling_error;
            }
        }
        then(std::move(answer));
    };
}

ClientSession::Reply reply_without_body(Callback<Nothing> then) {
    return [then = std::move(then)](ErrorCode error, std::int64_t zxid, wire::Reader&) mutable {
        then({error, {}, zxid});
    };
}

std::optional<ClientSession::WatchWish> wish(WatchKind kind, const std::string& path,
                                             Watcher watcher) {
    if (!watcher) {
        return std::nullopt;
    }
    return ClientSession::WatchWish{kind, path, std::move(watcher)};
}

MultiOperation to_operation(const MultiOp& op, const std::string& chroot) {
    if (const auto* create = std::get_if<CreateOp>(&op)) {
        // The plain create, which servers before 3.9 take within a multi too.
        const OpCode code = is_container(create->mode) ? OpCode::create_container : OpCode::create;
        return {code, CreateRequest{add_chroot(chroot, create->path), create->data, create->acl,
                                    static_cast<std::int32_t>(create->mode)}};
    }
    if (const auto* remove = std::get_if<DeleteOp>(&op)) {
        return {OpCode::remove, DeleteRequest{add_chroot(chroot, remove->path), remove->version}};
    }
    if (const auto* set = std::get_if<SetDataOp>(&op)) {
        return {OpCode::set_data,
                SetDataRequest{add_chroot(chroot, set->path), set->data, set->version}};
    }
    const auto& check = std::get<CheckOp>(op);
    return {OpCode::check, CheckVersionRequest{add_chroot(chroot, check.path), check.version}};
}

MultiOpResult to_result(const MultiResult& result, const std::string& chroot) {
    MultiOpResult told{result.err, {}, {}};
    if (const auto* created = std::get_if<CreateResponse>(&result.response)) {
        told.path = strip_chroot(chroot, created->path);
    } else if (const auto* with_stat = std::get_if<Create2Response>(&result.response)) {
        told.path = strip_chroot(chroot, with_stat->path);
        told.stat = with_stat->stat;
    } else if (const auto* set = std::get_if<SetDataResponse>(&result.response)) {
        told.stat = set->stat;
    }
    return told;
}

// The operation that failed stands between those with ok and those with runtime_inconsistency.
ErrorCode error_of(const MultiResults& results) {
    ErrorCode error = ErrorCode::ok;
    for (const MultiOpResult& result : results) {
        if (result.error != ErrorCode::ok && result.error != ErrorCode::runtime_inconsistency) {
            return result.error;
        }
        if (result.error != ErrorCode::ok) {
            error = result.error;
        }
    }
    return error;
}

}  // namespace

std::vector<Acl> open_acl() {
    return {{Permission::kAll, world_anyone()}};
}
std::vector<Acl> read_only_acl() {
    return {{Permission::kRead, world_anyone()}};
}

Client::Client(runtime::Loop& loop, runtime::Network& network, ClientOptions options,
               std::function<void(SessionEvent)> on_session_event)
    : x_driver(std::make_shared<ClientDriver>(loop, network, std::move(options),
                                              std::move(on_session_event))) {}
Client::~Client() {
    x_driver->abandon();
}

void Client::start() {
    x_driver->start();
}
void Client::close(runtime::Task then) {
    x_driver->close(std::move(then));
}
bool Client::connected() const {
    return x_driver->session().confirmed();
}
bool Client::expired() const {
    return x_driver->session().expired();
}
std::int64_t Client::session_id() const {
    return x_driver->session().session_id();
}
Duration Client::session_timeout() const {
    return x_driver->session().timeout();
}
std::size_t Client::outstanding() const {
    return x_driver->session().outstanding();
}

namespace {

auto to_created(const std::string& chroot) {
    return [chroot](Create2Response response) {
        return Created{strip_chroot(chroot, response.path), response.stat};
    };
}

void submit_create(ClientDriver& driver, CreateRequest request, Callback<Created> then) {
    const auto mode = static_cast<CreateMode>(request.flags);
    request.path = add_chroot(driver.chroot(), request.path);
    driver.submit({is_container(mode) ? OpCode::create_container : OpCode::create2,
                   encoded(request),
                   reply_with<Create2Response>(std::move(then), to_created(driver.chroot())),
                   {}});
}

}  // namespace

void Client::create(std::string_view path, BytesView data, const std::vector<Acl>& acl,
                    CreateMode mode, Callback<Created> then) {
    submit_create(*x_driver,
                  {std::string(path), copy_of(data), acl, static_cast<std::int32_t>(mode)},
                  std::move(then));
}

void Client::create_without_data(std::string_view path, const std::vector<Acl>& acl,
                                 CreateMode mode, Callback<Created> then) {
    submit_create(*x_driver,
                  {std::string(path), std::nullopt, acl, static_cast<std::int32_t>(mode)},
                  std::move(then));
}

void Client::create_with_ttl(CreateOp op, std::int64_t ttl_millis, Callback<Created> then) {
    const CreateTtlRequest request{add_chroot(x_driver->chroot(), op.path), std::move(op.data),
                                   std::move(op.acl), static_cast<std::int32_t>(op.mode),
                                   ttl_millis};
    x_driver->submit({OpCode::create_ttl,
                      encoded(request),
                      reply_with<Create2Response>(std::move(then), to_created(x_driver->chroot())),
                      {}});
}

void Client::remove(std::string_view path, std::int32_t version, Callback<Nothing> then) {
    const DeleteRequest request{add_chroot(x_driver->chroot(), path), version};
    x_driver->submit({OpCode::remove, encoded(request), reply_without_body(std::move(then)), {}});
}

void Client::exists(std::string_view path, Watcher watcher, Callback<Stat> then) {
    const ExistsRequest request{add_chroot(x_driver->chroot(), path), watcher != nullptr};
    x_driver->submit(
        {OpCode::exists, encoded(request),
         reply_with<ExistsResponse>(std::move(then), [](ExistsResponse r) { return r.stat; }),
         wish(WatchKind::exists, request.path, std::move(watcher))});
}

void Client::get_data(std::string_view path, Watcher watcher, Callback<NodeData> then) {
    const GetDataRequest request{add_chroot(x_driver->chroot(), path), watcher != nullptr};
    auto read = [](GetDataResponse response) {
        const bool has_data = response.data.has_value();
        return NodeData{std::move(response.data).value_or(Bytes()), response.stat, has_data};
    };
    x_driver->submit({OpCode::get_data, encoded(request),
                      reply_with<GetDataResponse>(std::move(then), read),
                      wish(WatchKind::data, request.path, std::move(watcher))});
}

void Client::set_data(std::string_view path, BytesView data, std::int32_t version,
                      Callback<Stat> then) {
    const SetDataRequest request{add_chroot(x_driver->chroot(), path), copy_of(data), version};
    x_driver->submit(
        {OpCode::set_data,
         encoded(request),
         reply_with<SetDataResponse>(std::move(then), [](SetDataResponse r) { return r.stat; }),
         {}});
}

void Client::get_children(std::string_view path, Watcher watcher, Callback<NodeChildren> then) {
    const GetChildren2Request request{add_chroot(x_driver->chroot(), path), watcher != nullptr};
    auto read = [](GetChildren2Response response) {
        return NodeChildren{std::move(response.children), response.stat};
    };
    x_driver->submit({OpCode::get_children2, encoded(request),
                      reply_with<GetChildren2Response>(std::move(then), read),
                      wish(WatchKind::children, request.path, std::move(watcher))});
}

void Client::get_acl(std::string_view path, Callback<NodeAcl> then) {
    const GetAclRequest request{add_chroot(x_driver->chroot(), path)};
    auto read = [](GetAclResponse response) {
        return NodeAcl{std::move(response.acl), response.stat};
    };
    x_driver->submit(
        {OpCode::get_acl, encoded(request), reply_with<GetAclResponse>(std::move(then), read), {}});
}

void Client::set_acl(std::string_view path, const std::vector<Acl>& acl, std::int32_t version,
                     Callback<Stat> then) {
    const SetAclRequest request{add_chroot(x_driver->chroot(), path), acl, version};
    x_driver->submit(
        {OpCode::set_acl,
         encoded(request),
         reply_with<SetAclResponse>(std::move(then), [](SetAclResponse r) { return r.stat; }),
         {}});
}

void Client::multi(const std::vector<MultiOp>& ops, Callback<MultiResults> then) {
    MultiRequest request;
    for (const MultiOp& op : ops) {
        request.operations.push_back(to_operation(op, x_driver->chroot()));
    }
    auto read = [chroot = x_driver->chroot()](MultiResponse response) {
        MultiResults results;
        for (const MultiResult& result : response.results) {
            results.push_back(to_result(result, chroot));
        }
        return results;
    };
    auto check = [then = std::move(then)](Answer<MultiResults> answer) mutable {
        if (answer.ok()) {
            answer.error = error_of(answer.value);
        }
        then(std::move(answer));
    };
    x_driver->submit({OpCode::multi,
                      encoded(request),
                      reply_with<MultiResponse>(Callback<MultiResults>(std::move(check)), read),
                      {}});
}

void Client::sync(std::string_view path, Callback<Nothing> then) {
    const SyncRequest request{add_chroot(x_driver->chroot(), path)};
    x_driver->submit({OpCode::sync, encoded(request), reply_without_body(std::move(then)), {}});
}

void Client::get_ephemerals(std::string_view prefix, Callback<std::vector<std::string>> then) {
    const GetEphemeralsRequest request{add_chroot(x_driver->chroot(), prefix)};
    auto read = [chroot = x_driver->chroot()](GetEphemeralsResponse response) {
        for (std::string& path : response.ephemerals) {
            path = strip_chroot(chroot, path);
        }
        return std::move(response.ephemerals);
    };
    x_driver->submit({OpCode::get_ephemerals,
                      encoded(request),
                      reply_with<GetEphemeralsResponse>(std::move(then), read),
                      {}});
}

void Client::get_all_children_number(std::string_view path, Callback<std::int32_t> then) {
    const GetAllChildrenNumberRequest request{add_chroot(x_driver->chroot(), path)};
    auto read = [](const GetAllChildrenNumberResponse& response) { return response.total_number; };
    x_driver->submit({OpCode::get_all_children_number,
                      encoded(request),
                      reply_with<GetAllChildrenNumberResponse>(std::move(then), read),
                      {}});
}

void Client::who_am_i(Callback<std::vector<ClientInfo>> then) {
    auto read = [](WhoAmIResponse response) { return std::move(response.client_info); };
    x_driver->submit(
        {OpCode::who_am_i, Bytes(), reply_with<WhoAmIResponse>(std::move(then), read), {}});
}

void Client::add_auth(std::string_view scheme, BytesView credentials, Callback<Nothing> then) {
    x_driver->add_auth(std::string(scheme), copy_of(credentials),
                       reply_without_body(std::move(then)));
}

}  // namespace millrace::zk
