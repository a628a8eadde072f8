#include "operator/local/cel_lexer.h"
#include "operator/local/cel_syntax.h"

namespace millrace::kube_operator::local {
namespace {

constexpr std::size_t kTextMax = 16 * 1024;
constexpr int kDepthMax = 60;

CelNodePtr node(CelKind kind, std::string text = {}) {
    auto out = std::make_unique<CelNode>();
    out->kind = kind;
    out->text = std::move(text);
    return out;
}

CelNodePtr parent(CelKind kind, std::string text, CelNodePtr first, CelNodePtr second = nullptr) {
    CelNodePtr out = node(kind, std::move(text));
    out->children.push_back(std::move(first));
    if (second) {
        out->children.push_back(std::move(second));
    }
    return out;
}

bool is_macro(std::string_view name) {
    constexpr std::array<std::string_view, 5> kMacros = {"all", "exists", "exists_one", "map",
                                                         "filter"};
    return std::ranges::find(kMacros, name) != kMacros.end();
}

// Binding power of a binary operator, 0 for other symbols.
int precedence(std::string_view op) {
    if (op == "||") {
        return 1;
    }
    if (op == "&&") {
        return 2;
    }
    if (op == "==" || op == "!=" || op == "<" || op == "<=" || op == ">" || op == ">=" ||
        op == "in") {
        return 3;
    }
    if (op == "+" || op == "-") {
        return 4;
    }
    return op == "*" || op == "/" || op == "%" ? 5 : 0;
}

class Parser {
 public:
    explicit Parser(std::vector<CelToken> tokens) : x_tokens(std::move(tokens)) {}

    Result<CelNodePtr> run() {
        CelNodePtr out = TRY(expression());
        if (peek().kind != CelToken::Kind::end) {
            return refuse(fmt::format("unexpected '{}'", peek().text));
        }
        return out;
    }

 private:
    const CelToken& peek() const { return x_tokens[x_at]; }
    CelToken next() { return x_tokens[x_at + 1 < x_tokens.size() ? x_at++ : x_at]; }
    bool at_symbol(std::string_view text) const {
        return peek().kind == CelToken::Kind::symbol && peek().text == text;
    }
    bool take_symbol(std::string_view text) {
        const bool there = at_symbol(text);
        if (there) {
            next();
        }
        return there;
    }
    Status expect(std::string_view symbol) {
        if (!take_symbol(symbol)) {
            return refuse(fmt::format("expected '{}'", symbol));
        }
        return {};
    }
    std::unexpected<Error> refuse(std::string_view what) const {
        return fail(Errc::invalid_argument,
                    fmt::format("syntax error: {} at position {}", what, peek().position + 1));
    }

    Result<CelNodePtr> expression() {
        if (++x_depth > kDepthMax) {
            return refuse("the expression is nested too deeply");
        }
        CelNodePtr condition = TRY(binary(1));
        if (take_symbol("?")) {
            CelNodePtr out =
                parent(CelKind::conditional, "?", std::move(condition), TRY(binary(1)));
            TRY(expect(":"));
            out->children.push_back(TRY(expression()));
            condition = std::move(out);
        }
        --x_depth;
        return condition;
    }

    std::string operator_here() const {
        const bool word = peek().kind == CelToken::Kind::identifier && peek().text == "in";
        return word || peek().kind == CelToken::Kind::symbol ? peek().text : std::string();
    }

    Result<CelNodePtr> binary(int least) {
        CelNodePtr left = TRY(unary());
        for (;;) {
            const std::string op = operator_here();
            const int power = precedence(op);
            if (power == 0 || power < least) {
                return left;
            }
            next();
            CelNodePtr right = TRY(binary(power + 1));
            left = parent(CelKind::binary, op, std::move(left), std::move(right));
        }
    }

    Result<CelNodePtr> unary() {
        if (!at_symbol("!") && !at_symbol("-")) {
            return member();
        }
        if (++x_depth > kDepthMax) {
            return refuse("the expression is nested too deeply");
        }
        const std::string op = next().text;
        CelNodePtr out = parent(CelKind::unary, op, TRY(unary()));
        --x_depth;
        return out;
    }

    Result<CelNodePtr> member() {
        CelNodePtr operand = TRY(primary());
        for (;;) {
            if (take_symbol("[")) {
                CelNodePtr key = TRY(expression());
                TRY(expect("]"));
                operand = parent(CelKind::index, {}, std::move(operand), std::move(key));
            } else if (take_symbol(".")) {
                operand = TRY(selection(std::move(operand)));
            } else {
                return operand;
            }
        }
    }

    Result<CelNodePtr> selection(CelNodePtr operand) {
        if (peek().kind != CelToken::Kind::identifier) {
            return refuse("expected a field or a function after '.'");
        }
        const std::string name = next().text;
        if (!take_symbol("(")) {
            return parent(CelKind::field, name, std::move(operand));
        }
        CelNodePtr out =
            parent(is_macro(name) ? CelKind::macro : CelKind::method, name, std::move(operand));
        TRY(arguments(*out));
        return out->kind == CelKind::macro ? macro(std::move(out))
                                           : Result<CelNodePtr>(std::move(out));
    }

    Status arguments(CelNode& into) {
        if (take_symbol(")")) {
            return {};
        }
        do {
            into.children.push_back(TRY(expression()));
        } while (take_symbol(","));
        return expect(")");
    }

    // children so far: range, variable, body[, transform of map].
    Result<CelNodePtr> macro(CelNodePtr call) {
        const std::size_t count = call->children.size();
        const bool fits = count == 3 || (count == 4 && call->text == "map");
        if (!fits || call->children[1]->kind != CelKind::name) {
            return refuse(fmt::format("{}() takes a variable and an expression", call->text));
        }
        call->variable = call->children[1]->text;
        call->children.erase(call->children.begin() + 1);
        return call;
    }

    Result<CelNodePtr> primary() {
        const CelToken token = next();
        switch (token.kind) {
            case CelToken::Kind::integer: {
                CelNodePtr out = node(CelKind::integer);
                out->integer = token.integer;
                return out;
            }
            case CelToken::Kind::real: {
                CelNodePtr out = node(CelKind::real);
                out->real = token.real;
                return out;
            }
            case CelToken::Kind::text:
                return node(CelKind::text, token.text);
            case CelToken::Kind::identifier:
                return identifier(token.text);
            case CelToken::Kind::symbol:
                return bracket(token.text);
            case CelToken::Kind::end:
                break;
        }
        return refuse("the expression ends too early");
    }

    Result<CelNodePtr> identifier(const std::string& name) {
        if (name == "true" || name == "false") {
            CelNodePtr out = node(CelKind::boolean);
            out->flag = name == "true";
            return out;
        }
        if (name == "null") {
            return node(CelKind::null_literal);
        }
        if (!take_symbol("(")) {
            return node(CelKind::name, name);
        }
        CelNodePtr out = node(CelKind::call, name);
        TRY(arguments(*out));
        if (name != "has") {
            return out;
        }
        if (out->children.size() != 1 || out->children[0]->kind != CelKind::field) {
            return refuse("has() takes a field selection");
        }
        CelNodePtr present = std::move(out->children[0]);
        present->kind = CelKind::present;
        return present;
    }

    Result<CelNodePtr> bracket(const std::string& symbol) {
        if (symbol == "(") {
            CelNodePtr inner = TRY(expression());
            TRY(expect(")"));
            return inner;
        }
        if (symbol == "[") {
            CelNodePtr list = node(CelKind::list);
            while (!take_symbol("]")) {
                list->children.push_back(TRY(expression()));
                if (!at_symbol("]")) {
                    TRY(expect(","));
                }
            }
            return list;
        }
        if (symbol == "{") {
            CelNodePtr map = node(CelKind::map);
            while (!take_symbol("}")) {
                map->children.push_back(TRY(expression()));
                TRY(expect(":"));
                map->children.push_back(TRY(expression()));
                if (!at_symbol("}")) {
                    TRY(expect(","));
                }
            }
            return map;
        }
        return refuse(fmt::format("unexpected '{}'", symbol));
    }

    std::vector<CelToken> x_tokens;
    std::size_t x_at = 0;
    int x_depth = 0;
};

}  // namespace

Result<CelNodePtr> parse_cel(std::string_view text) {
    if (text.size() > kTextMax) {
        return fail(Errc::invalid_argument, "the expression is longer than 16 KiB");
    }
    return Parser(TRY(tokenize_cel(text))).run();
}

bool mentions(const CelNode& node, std::string_view variable) {
    return (node.kind == CelKind::name && node.text == variable) ||
           std::ranges::any_of(node.children, [variable](const CelNodePtr& child) {
               return mentions(*child, variable);
           });
}

std::string unescape_field(std::string_view name) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kEscapes = {
        {{"__underscores__", "__"}, {"__dot__", "."}, {"__dash__", "-"}, {"__slash__", "/"}}};
    std::string out;
    for (std::size_t at = 0; at < name.size();) {
        bool found = false;
        for (const auto& [escape, plain] : kEscapes) {
            if (name.substr(at).starts_with(escape)) {
                out += plain;
                at += escape.size();
                found = true;
                break;
            }
        }
        if (!found) {
            out += name[at++];
        }
    }
    // Keywords of CEL are written between double underscores: __namespace__.
    if (out.size() > 4 && out.starts_with("__") && out.ends_with("__")) {
        return out.substr(2, out.size() - 4);
    }
    return out;
}

}  // namespace millrace::kube_operator::local
