// What waits to be sent on a socket: owned bytes and stretches of files, in order.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/runtime/file_system.h"

namespace millrace::runtime {

enum class SendOutcome {
    all_sent,
    blocked,       // the socket takes no more; it reports when it does
    budget_spent,  // enough for one turn
};

class OutputQueue {
 public:
    // Short pieces are joined: one system call carries at most 64.
    void add(Bytes bytes);
    void add_file(std::shared_ptr<File> file, std::uint64_t offset, std::uint64_t size);

    bool empty() const { return x_first == x_pieces.size(); }
    // Bytes waiting, files counted by their stretch.
    std::size_t size() const { return x_size; }
    void clear();

    // Sends until the socket is full or the budget of one turn is spent. Errors: connection_lost, io_error (also when a file
    // is shorter than its stretch).
    Result<SendOutcome> send(int socket);

 private:
    struct Piece {
        Bytes bytes;
        std::shared_ptr<File> file;  // null for bytes
        std::uint64_t offset = 0;    // of what is left, in bytes or in the file
        std::uint64_t size = 0;      // what is left
    };

    // Bytes sent; 0 when the socket is full.
    Result<std::size_t> send_bytes(int socket);
    Result<std::size_t> send_file(int socket);
    Status load_file_piece();
    void drop_sent(std::size_t count);

    std::vector<Piece> x_pieces;  // from x_first on
    std::size_t x_first = 0;
    std::size_t x_size = 0;
};

}  // namespace millrace::runtime
