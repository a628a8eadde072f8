// How the Kafka tools reach a cluster: bootstrap addresses, and client properties as the Java clients name them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/event_runner.h"
#include "lib/base/config.h"
#include "lib/base/result.h"
#include "lib/kafka/cluster_client.h"

namespace millrace::cli {

// "host:port,host:port". Errors: invalid_argument.
Result<std::vector<runtime::Endpoint>> parse_bootstrap(std::string_view text);

enum class ClientKind { admin, producer, consumer };

// Where client properties come from; a later one wins.
struct PropertySources {
    std::string file;                // empty: none
    std::vector<std::string> pairs;  // "key=value"
    std::string pairs_option;        // the option that carried them, for messages
};

// A key that the client does not have, or one that would change what is not offered, is an error that names it.
Result<Config> client_properties(ClientKind kind, const PropertySources& sources);

// Times and the client id of the properties.
kafka::ClusterClientOptions cluster_options(const Config& properties);

// "key=value" split at the first '='; the value is empty without one.
std::pair<std::string, std::string> split_pair(std::string_view text);

// A whole file of at most 1 MiB. Errors: not_found, io_error, too_large.
Result<std::string> read_text_file(const std::string& path);

// The metadata of the topics, of all when names is empty. Errors of single topics stand in the answer.
Result<kafka::MetadataResponse> fetch_metadata(EventRunner& runner, kafka::ClusterClient& cluster,
                                               const std::vector<std::string>& names);

// The message of a response, or the sentence that belongs to the code.
std::string error_text(std::int16_t code, const std::optional<std::string>& message);

}  // namespace millrace::cli
