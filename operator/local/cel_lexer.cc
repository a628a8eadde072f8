#include "operator/local/cel_lexer.h"

namespace millrace::kube_operator::local {
namespace {

bool letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool digit(char c) {
    return c >= '0' && c <= '9';
}
bool blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

class Lexer {
 public:
    explicit Lexer(std::string_view text) : x_text(text) {}

    Result<std::vector<CelToken>> run() {
        std::vector<CelToken> tokens;
        for (skip_blanks(); x_at < x_text.size(); skip_blanks()) {
            tokens.push_back(TRY(next()));
        }
        CelToken end;
        end.position = x_at;
        tokens.push_back(std::move(end));
        return tokens;
    }

 private:
    char peek(std::size_t ahead = 0) const {
        return x_at + ahead < x_text.size() ? x_text[x_at + ahead] : '\0';
    }

    void skip_blanks() {
        for (;;) {
            while (x_at < x_text.size() && blank(peek())) {
                ++x_at;
            }
            if (peek() != '/' || peek(1) != '/') {
                return;
            }
            x_at = std::min(x_text.find('\n', x_at), x_text.size());
        }
    }

    std::unexpected<Error> refuse(std::string_view what) const {
        return fail(Errc::invalid_argument, fmt::format("{} at position {}", what, x_at + 1));
    }

    Result<CelToken> next() {
        CelToken token;
        token.position = x_at;
        const char c = peek();
        const bool raw = (c == 'r' || c == 'R') && (peek(1) == '"' || peek(1) == '\'');
        if (c == '"' || c == '\'' || raw) {
            x_at += raw ? 1 : 0;
            token.kind = CelToken::Kind::text;
            token.text = TRY(quoted(raw));
            return token;
        }
        if (letter(c)) {
            token.kind = CelToken::Kind::identifier;
            while (letter(peek()) || digit(peek())) {
                token.text += x_text[x_at++];
            }
            return token;
        }
        if (digit(c) || (c == '.' && digit(peek(1)))) {
            return number(std::move(token));
        }
        token.kind = CelToken::Kind::symbol;
        for (std::string_view two : {"&&", "||", "==", "!=", "<=", ">="}) {
            if (x_text.substr(x_at).starts_with(two)) {
                token.text = two;
                x_at += 2;
                return token;
            }
        }
        if (std::string_view("()[]{}.,?:!<>+-*/%").find(c) == std::string_view::npos) {
            return refuse(fmt::format("unexpected character '{}'", c));
        }
        token.text = c;
        ++x_at;
        return token;
    }

    Result<CelToken> number(CelToken token) {
        const std::size_t start = x_at;
        bool real = false;
        while (digit(peek()) || (peek() == '.' && digit(peek(1))) || peek() == 'e' ||
               peek() == 'E') {
            const bool exponent = peek() == 'e' || peek() == 'E';
            real = real || exponent || peek() == '.';
            ++x_at;
            if (exponent && (peek() == '+' || peek() == '-')) {
                ++x_at;
            }
        }
        if (letter(peek())) {
            return refuse("numbers with a suffix are not offered");
        }
        const char* first = x_text.data() + start;
        const char* last = x_text.data() + x_at;
        token.kind = real ? CelToken::Kind::real : CelToken::Kind::integer;
        const auto read = real ? std::from_chars(first, last, token.real)
                               : std::from_chars(first, last, token.integer);
        if (read.ec != std::errc() || read.ptr != last) {
            return refuse("number out of range");
        }
        return token;
    }

    Result<std::string> quoted(bool raw) {
        const char quote = x_text[x_at++];
        if (peek() == quote && peek(1) == quote) {
            return refuse("triple quotes are not offered");
        }
        std::string out;
        while (x_at < x_text.size() && peek() != quote) {
            const char c = x_text[x_at++];
            if (c != '\\' || raw) {
                out += c;
                continue;
            }
            const char escaped = peek();
            ++x_at;
            constexpr std::string_view kNames = "nrt\\'\"`?";
            constexpr std::string_view kValues = "\n\r\t\\'\"`?";
            const std::size_t which = kNames.find(escaped);
            if (escaped == '\0' || which == std::string_view::npos) {
                return refuse("unknown escape in a string");
            }
            out += kValues[which];
        }
        if (x_at >= x_text.size()) {
            return refuse("string without an end");
        }
        ++x_at;
        return out;
    }

    std::string_view x_text;
    std::size_t x_at = 0;
};

}  // namespace

Result<std::vector<CelToken>> tokenize_cel(std::string_view text) {
    return Lexer(text).run();
}

}  // namespace millrace::kube_operator::local
