// Lines from standard input without blocking the loop: terminals and pipes are watched, files are read piece by piece.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/runtime/epoll/epoll_loop.h"

namespace millrace::cli {

class LineInput final : private runtime::Watched {
 public:
    // A longer line ends the input with too_large.
    static constexpr std::size_t kLineBytesMax = 64 << 20;

    explicit LineInput(runtime::EpollLoop& loop) : x_loop(loop) {}
    ~LineInput() override;
    LineInput(const LineInput&) = delete;
    LineInput& operator=(const LineInput&) = delete;

    // on_line gets each line without its end ("\n" or "\r\n"), borrowed for the call; on_end comes last, with what broke
    // the input or nothing.
    void start(std::function<void(std::string_view)> on_line, std::function<void(Status)> on_end);
    // While paused no lines come, save those of the piece at hand.
    void pause() { x_paused = true; }
    void resume();
    bool paused() const { return x_paused; }
    bool ended() const { return x_ended; }

 private:
    void on_events(std::uint32_t events) override;
    void read_pieces();
    void read_later();
    bool take(std::string_view piece);
    void give(std::string_view line);
    void end(Status why);

    runtime::EpollLoop& x_loop;
    std::function<void(std::string_view)> x_on_line;
    std::function<void(Status)> x_on_end;
    std::unique_ptr<char[]> x_buffer;
    std::optional<runtime::WatchId> x_watch;  // none: a file, which is always readable
    std::string x_rest;
    bool x_paused = false;
    bool x_ended = false;
    bool x_scheduled = false;
    std::shared_ptr<int> x_alive = std::make_shared<int>(0);
};

}  // namespace millrace::cli
