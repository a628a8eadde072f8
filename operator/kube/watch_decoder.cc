#include "operator/kube/watch_decoder.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::kube {
namespace {

constexpr int kGone = 410;

Error refusal(const nlohmann::json& status) {
    const nlohmann::json& code = value_at(status, {"code"});
    const std::string message = text_at(status, {"message"});
    const bool gone = (code.is_number_integer() && code == kGone) ||
                      text_at(status, {"reason"}) == "Expired" ||
                      text_at(status, {"reason"}) == "Gone";
    return {gone ? Errc::not_found : Errc::busy,
            message.empty() ? "the server ended the watch" : message};
}

}  // namespace

Result<WatchEvent> WatchDecoder::take_line(std::string_view line) {
    nlohmann::json event = TRY(parse_json(line));
    const std::string type = text_at(event, {"type"});
    if (!value_at(event, {"object"}).is_object()) {
        return fail(Errc::malformed, "a watch event without an object");
    }
    nlohmann::json object = std::move(event["object"]);
    if (type == "ERROR") {
        return fail(refusal(object));
    }
    WatchEvent out;
    if (type == "ADDED") {
        out.kind = WatchEventKind::added;
    } else if (type == "MODIFIED") {
        out.kind = WatchEventKind::modified;
    } else if (type == "DELETED") {
        out.kind = WatchEventKind::deleted;
    } else if (type == "BOOKMARK") {
        out.kind = WatchEventKind::bookmark;
    } else {
        return fail(Errc::malformed, fmt::format("unknown type of watch event '{}'", type));
    }
    std::string version = text_at(object, {"metadata", "resourceVersion"});
    if (version.empty()) {
        return fail(Errc::malformed, "a watch event without a resource version");
    }
    x_resource_version = std::move(version);
    out.object = std::make_shared<const nlohmann::json>(std::move(object));
    return out;
}

}  // namespace millrace::kube_operator::kube
