// Label and field selectors as they stand in a query ("a=b,c!=d,e in (f,g),!h"). Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace millrace::kube_operator::local {

class LabelSelector {
 public:
    // Errors: invalid_argument. An empty text selects everything.
    static Result<LabelSelector> parse(std::string_view text);

    // labels is metadata.labels, or null.
    bool matches(const nlohmann::json& labels) const;
    bool empty() const { return x_terms.empty(); }

 private:
    enum class Operator { in, not_in, exists, absent };
    struct Term {
        std::string key;
        Operator op = Operator::exists;
        std::set<std::string> values;
    };
    static Result<Term> parse_term(std::string_view text);

    std::vector<Term> x_terms;
};

class FieldSelector {
 public:
    // "metadata.name=x,status.phase!=Running": dotted paths, equality only. Errors: invalid_argument.
    static Result<FieldSelector> parse(std::string_view text);

    // Every kind offers metadata.name and metadata.namespace, and what is given. Errors: invalid_argument, with the field.
    Status names_only(const std::vector<std::string>& selectable) const;
    bool matches(const nlohmann::json& object) const;
    bool empty() const { return x_terms.empty(); }

 private:
    struct Term {
        std::string field;
        std::vector<std::string> path;
        std::string value;
        bool equal = true;
    };
    std::vector<Term> x_terms;
};

}  // namespace millrace::kube_operator::local
