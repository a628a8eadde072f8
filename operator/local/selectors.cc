#include "operator/local/selectors.h"

#include <nlohmann/json.hpp>

namespace millrace::kube_operator::local {
namespace {

constexpr std::string_view kBlanks = " \t";

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Cuts at commas that stand outside parentheses.
std::vector<std::string_view> split_terms(std::string_view text) {
    std::vector<std::string_view> terms;
    std::size_t start = 0;
    int depth = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
        if (text[i] == ',' && depth == 0) {
            terms.push_back(trimmed(text.substr(start, i - start)));
            start = i + 1;
        }
    }
    terms.push_back(trimmed(text.substr(start)));
    return terms;
}

bool plain_key(std::string_view key) {
    return !key.empty() && key.find_first_of(" \t()=!,") == std::string_view::npos;
}

std::string scalar_text(const nlohmann::json& value) {
    if (value.is_string()) {
        return value.get<std::string>();
    }
    return value.is_null() ? std::string() : value.dump();
}

std::vector<std::string> split_path(std::string_view text) {
    std::vector<std::string> path;
    std::size_t start = 0;
    while (start <= text.size()) {
        const std::size_t dot = std::min(text.find('.', start), text.size());
        path.emplace_back(text.substr(start, dot - start));
        start = dot + 1;
    }
    return path;
}

}  // namespace

Result<LabelSelector::Term> LabelSelector::parse_term(std::string_view text) {
    auto malformed = [text] {
        return fail(Errc::invalid_argument, fmt::format("unable to parse requirement: {}", text));
    };
    Term term;
    if (text.starts_with('!')) {
        term.key = trimmed(text.substr(1));
        term.op = Operator::absent;
        return plain_key(term.key) ? Result<Term>(term) : malformed();
    }
    const std::size_t open = text.find('(');
    if (open != std::string_view::npos) {
        const std::string_view head = trimmed(text.substr(0, open));
        const std::size_t blank = head.find_first_of(kBlanks);
        if (blank == std::string_view::npos || !text.ends_with(')')) {
            return malformed();
        }
        const std::string_view word = trimmed(head.substr(blank));
        term.key = head.substr(0, blank);
        if (word != "in" && word != "notin") {
            return malformed();
        }
        term.op = word == "in" ? Operator::in : Operator::not_in;
        for (std::string_view value : split_terms(text.substr(open + 1, text.size() - open - 2))) {
            term.values.emplace(value);
        }
        return plain_key(term.key) ? Result<Term>(term) : malformed();
    }
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) {
        term.key = text;
        return plain_key(term.key) ? Result<Term>(term) : malformed();
    }
    const bool negated = equals > 0 && text[equals - 1] == '!';
    const bool doubled = equals + 1 < text.size() && text[equals + 1] == '=';
    term.key = trimmed(text.substr(0, negated ? equals - 1 : equals));
    term.op = negated ? Operator::not_in : Operator::in;
    term.values.emplace(trimmed(text.substr(equals + (doubled ? 2 : 1))));
    return plain_key(term.key) ? Result<Term>(term) : malformed();
}

Result<LabelSelector> LabelSelector::parse(std::string_view text) {
    LabelSelector selector;
    if (trimmed(text).empty()) {
        return selector;
    }
    for (std::string_view term : split_terms(text)) {
        selector.x_terms.push_back(TRY(parse_term(term)));
    }
    return selector;
}

bool LabelSelector::matches(const nlohmann::json& labels) const {
    return std::ranges::all_of(x_terms, [&labels](const Term& term) {
        const bool present = labels.is_object() && labels.contains(term.key);
        const bool listed = present && term.values.contains(scalar_text(labels[term.key]));
        switch (term.op) {
            case Operator::in:
                return listed;
            case Operator::not_in:
                return !listed;
            case Operator::exists:
                return present;
            case Operator::absent:
                return !present;
        }
        return false;
    });
}

Result<FieldSelector> FieldSelector::parse(std::string_view text) {
    FieldSelector selector;
    if (trimmed(text).empty()) {
        return selector;
    }
    for (std::string_view part : split_terms(text)) {
        const std::size_t equals = part.find('=');
        if (equals == std::string_view::npos || equals == 0) {
            return fail(Errc::invalid_argument,
                        fmt::format("invalid selector: '{}'; can't understand '{}'", text, part));
        }
        Term term;
        term.equal = part[equals - 1] != '!';
        const bool doubled = equals + 1 < part.size() && part[equals + 1] == '=';
        term.field = trimmed(part.substr(0, term.equal ? equals : equals - 1));
        term.path = split_path(term.field);
        term.value = trimmed(part.substr(equals + (doubled ? 2 : 1)));
        selector.x_terms.push_back(std::move(term));
    }
    return selector;
}

Status FieldSelector::names_only(const std::vector<std::string>& selectable) const {
    for (const Term& term : x_terms) {
        const bool offered = term.field == "metadata.name" || term.field == "metadata.namespace" ||
                             std::ranges::find(selectable, term.field) != selectable.end();
        if (!offered) {
            return fail(Errc::invalid_argument, "field label not supported: " + term.field);
        }
    }
    return {};
}

bool FieldSelector::matches(const nlohmann::json& object) const {
    return std::ranges::all_of(x_terms, [&object](const Term& term) {
        const nlohmann::json* at = &object;
        static const nlohmann::json null;
        for (const std::string& key : term.path) {
            at = at->is_object() && at->contains(key) ? &(*at)[key] : &null;
        }
        return (scalar_text(*at) == term.value) == term.equal;
    });
}

}  // namespace millrace::kube_operator::local
