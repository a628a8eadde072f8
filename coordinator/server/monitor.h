// The figures of a server under ZooKeeper's names, once for mntr, for /commands/monitor and for /metrics.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace millrace::runtime {
class Metrics;
}

namespace millrace::coordinator::server {

class Node;

struct Figure {
    enum class Kind { gauge, counter, text };
    std::string name;  // without "zk_"
    std::variant<std::int64_t, double, std::string> value;
    Kind kind = Kind::gauge;
};

// In the order of mntr.
std::vector<Figure> figures(Node& node);
// Digits as mntr prints them.
std::string figure_text(const Figure& figure);

// Registers every number of figures(); read at each scrape. The node must outlive the registry.
void register_metrics(Node& node, runtime::Metrics& metrics);

// "0.1.0 (compatible with ZooKeeper 3.9)", as srvr and mntr show it; starts with the version clients look for.
std::string shown_version();

}  // namespace millrace::coordinator::server
