#include "cli/four_letter.h"

namespace millrace::cli {
namespace {

constexpr Duration kTime = 5s;
constexpr std::size_t kAnswerBytesMax = 64 * 1024;

struct Conversation final : runtime::StreamHandler {
    std::size_t on_bytes(BytesView bytes) override {
        if (answer.size() + bytes.size() > kAnswerBytesMax) {
            end = fail(Errc::too_large, "the answer is longer than an answer can be");
            return bytes.size();
        }
        answer += as_text(bytes);
        return bytes.size();
    }
    void on_closed(const Status& why) override { end = end.value_or(why); }

    std::string answer;
    std::optional<Status> end;
};

}  // namespace

Result<std::string> ask_four_letters(EventRunner& runner, const runtime::Endpoint& server,
                                     std::string_view word) {
    Conversation conversation;
    std::unique_ptr<runtime::Stream> stream;
    runner.network().connect(server, kTime, [&](Result<std::unique_ptr<runtime::Stream>> result) {
        if (!result) {
            conversation.end = fail(std::move(result).error());
            return;
        }
        stream = std::move(*result);
        stream->set_handler(&conversation);
        stream->write(to_bytes(word));
    });
    if (!runner.run_until([&] { return conversation.end.has_value(); }, 2 * kTime)) {
        return fail(Errc::timed_out, "no answer from " + server.to_string());
    }
    TRY(Status(*conversation.end));
    return std::move(conversation.answer);
}

}  // namespace millrace::cli
