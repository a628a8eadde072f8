// Parts of ApiCore that its source files share.
#pragma once

#include "operator/local/api_core.h"

namespace millrace::kube_operator::local {

struct ApiCore::Call {
    const runtime::HttpRequest& request;
    ResourcePath path;
    ResourcePtr resource;
    WallTime now{};
    AnswerForm form = AnswerForm::json;
    std::vector<std::string> warnings;

    std::string query(const std::string& name) const;
    bool flag(const std::string& name) const;
    // The write this request asks for; name is the one on the path.
    ApiResult<WriteRequest> write();
    // The body as JSON, whatever its format.
    ApiResult<nlohmann::json> body() const;
};

ApiAnswer json_answer(const nlohmann::json& value, int status = 200);

}  // namespace millrace::kube_operator::local
