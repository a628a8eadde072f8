// What clients saw of the coordinator, and whether one server that loses nothing could have answered so. A write that was not
// answered may have happened or not.
//
// Rules: an acknowledged write is there at the end, or a later one is; it has a greater zxid than every write acknowledged
// before it began; a read shows at least what had been acknowledged, and what anybody had read, before it began; a value
// that was read does not vanish; what is read was written; the zxids in one client's answers never fall. A node has each
// version once, and its versions and the numbers of sequential nodes rise with the zxids; a conditional write raises the
// version it names by one. Nodes that are written in one multi hold the same at the end.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lib/base/time.h"

namespace millrace::sim {

class ZkHistory {
 public:
    using Report = std::function<void(std::string)>;
    explicit ZkHistory(Report report) : x_report(std::move(report)) {}

    enum class WriteKind { create, sequential, set };
    using WriteId = std::size_t;

    WriteId write_begins(WriteKind kind, std::string path, std::string value, Instant at);
    struct Done {
        std::string path;  // as created, for sequential nodes
        std::int64_t zxid = 0;
        std::int32_t version = 0;  // of the node's data
    };
    void write_acknowledged(WriteId write, const Done& done);
    void write_refused(WriteId write, std::string_view why);

    // What a read that begins now must show at least of the path.
    std::int64_t floor(const std::string& path) const;
    void read_answered(const std::string& path, std::int64_t floor, std::int64_t zxid,
                       const std::string& value);
    // The zxid in the head of an answer to the client.
    void answered(const std::string& client, std::int64_t zxid);

    struct NodeState {
        std::string value;
        std::int64_t zxid = 0;  // of the last write of its data
    };
    // together: paths that are written in one multi.
    void check_final(const std::map<std::string, NodeState>& nodes,
                     const std::vector<std::string>& together);

    std::size_t acknowledged() const { return x_acknowledged; }
    std::size_t begun() const { return x_writes.size(); }

 private:
    struct Write {
        WriteKind kind;
        std::string path;
        std::string value;
        Instant begun;
        std::int64_t floor = 0;  // the greatest zxid acknowledged when it began
        std::int64_t zxid = 0;   // 0: not acknowledged
        std::int32_t version = 0;
    };

    void check_order();

    Report x_report;
    std::vector<Write> x_writes;
    std::map<std::string, WriteId> x_by_value;
    std::map<std::int64_t, WriteId> x_by_zxid;
    std::map<std::string, std::int64_t> x_seen;  // greatest zxid acknowledged or read, by path
    std::map<std::string, std::int64_t> x_last_answer;
    std::int64_t x_greatest = 0;
    std::size_t x_acknowledged = 0;
};

}  // namespace millrace::sim
