#include "lib/runtime/epoll/output_queue.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>

#include "lib/runtime/posix/posix_error.h"

namespace millrace::runtime {
namespace {

constexpr std::size_t kPiecesPerCall = 64;
constexpr std::size_t kJoinedPieceMax = 1024;
constexpr std::size_t kJoinedMax = 32 * 1024;
constexpr std::size_t kBytesPerTurn = 1 << 20;
// A file without a descriptor is read in pieces of this size.
constexpr std::size_t kFilePiece = 64 * 1024;
// The moved-over front of the vector is cut off beyond this many sent pieces.
constexpr std::size_t kSentPiecesMax = 256;

bool is_full(int number) {
    return number == EAGAIN || number == EWOULDBLOCK;
}

}  // namespace

void OutputQueue::add(Bytes bytes) {
    if (bytes.empty()) {
        return;
    }
    x_size += bytes.size();
    if (!empty() && bytes.size() <= kJoinedPieceMax) {
        Piece& last = x_pieces.back();
        if (last.file == nullptr && last.bytes.size() + bytes.size() <= kJoinedMax) {
            last.bytes.insert(last.bytes.end(), bytes.begin(), bytes.end());
            last.size += bytes.size();
            return;
        }
    }
    const std::size_t size = bytes.size();
    x_pieces.push_back({std::move(bytes), nullptr, 0, size});
}

void OutputQueue::add_file(std::shared_ptr<File> file, std::uint64_t offset, std::uint64_t size) {
    if (size > 0) {
        x_size += size;
        x_pieces.push_back({{}, std::move(file), offset, size});
    }
}

void OutputQueue::clear() {
    x_pieces.clear();
    x_first = 0;
    x_size = 0;
}

Result<SendOutcome> OutputQueue::send(int socket) {
    std::size_t sent = 0;
    while (!empty()) {
        if (sent >= kBytesPerTurn) {
            return SendOutcome::budget_spent;
        }
        if (x_pieces[x_first].file != nullptr && x_pieces[x_first].file->descriptor() < 0) {
            TRY(load_file_piece());
        }
        const bool is_file = x_pieces[x_first].file != nullptr;
        const std::size_t count = is_file ? TRY(send_file(socket)) : TRY(send_bytes(socket));
        if (count == 0) {
            return SendOutcome::blocked;
        }
        sent += count;
        drop_sent(count);
    }
    return SendOutcome::all_sent;
}

Result<std::size_t> OutputQueue::send_bytes(int socket) {
    std::array<iovec, kPiecesPerCall> vector;
    std::size_t used = 0;
    std::size_t next = x_first;
    for (; next < x_pieces.size() && used < kPiecesPerCall; ++next) {
        Piece& piece = x_pieces[next];
        if (piece.file != nullptr) {
            break;
        }
        vector[used++] = {piece.bytes.data() + piece.offset, piece.size};
    }
    msghdr message{};
    message.msg_iov = vector.data();
    message.msg_iovlen = used;
    // More follows at once: the kernel may hold back the last, short segment and fill it from the file.
    const int flags = MSG_NOSIGNAL | (next < x_pieces.size() ? MSG_MORE : 0);
    const ssize_t count = retry_interrupted([&] { return ::sendmsg(socket, &message, flags); });
    if (count < 0) {
        if (is_full(errno)) {
            return std::size_t{0};
        }
        return fail_errno(errno, "send to", "peer");
    }
    return static_cast<std::size_t>(count);
}

Result<std::size_t> OutputQueue::send_file(int socket) {
    const Piece& piece = x_pieces[x_first];
    auto offset = static_cast<off_t>(piece.offset);
    const std::size_t wanted = std::min<std::uint64_t>(piece.size, kBytesPerTurn);
    const ssize_t count = retry_interrupted(
        [&] { return ::sendfile(socket, piece.file->descriptor(), &offset, wanted); });
    if (count < 0) {
        if (is_full(errno)) {
            return std::size_t{0};
        }
        return fail_errno(errno, "send to", "peer");
    }
    if (count == 0) {
        return fail(Errc::io_error, "the file to be sent is shorter than the stretch announced");
    }
    return static_cast<std::size_t>(count);
}

Status OutputQueue::load_file_piece() {
    Piece& piece = x_pieces[x_first];
    Bytes bytes(std::min<std::uint64_t>(piece.size, kFilePiece));
    const std::size_t count = TRY(piece.file->read_at(piece.offset, bytes));
    if (count < bytes.size()) {
        return fail(Errc::io_error, "the file to be sent is shorter than the stretch announced");
    }
    Piece loaded{std::move(bytes), nullptr, 0, count};
    piece.offset += count;
    piece.size -= count;
    if (piece.size == 0) {
        piece = std::move(loaded);
    } else {
        x_pieces.insert(x_pieces.begin() + static_cast<std::ptrdiff_t>(x_first), std::move(loaded));
    }
    return {};
}

void OutputQueue::drop_sent(std::size_t count) {
    x_size -= count;
    while (count > 0) {
        Piece& piece = x_pieces[x_first];
        const std::size_t part = std::min<std::uint64_t>(count, piece.size);
        piece.offset += part;
        piece.size -= part;
        count -= part;
        if (piece.size == 0) {
            piece = Piece{};
            x_first += 1;
        }
    }
    if (empty()) {
        x_pieces.clear();
        x_first = 0;
    } else if (x_first > kSentPiecesMax) {
        x_pieces.erase(x_pieces.begin(), x_pieces.begin() + static_cast<std::ptrdiff_t>(x_first));
        x_first = 0;
    }
}

}  // namespace millrace::runtime
