// From a resolved schema to the text of C++ files. Pure; main.cc reads and writes the files.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "lib/codegen/schema.h"

namespace millrace::codegen {

// stem is the include path without its ending, e.g. "lib/kafka/fetch".
std::string emit_header(const Schema& schema);
std::string emit_source(const Schema& schema, std::string_view stem);

// lib/kafka/api_table.cc: every request of the schemas, ordered by api key. Declared in lib/kafka/api_table.h.
std::string emit_api_table(std::span<const Schema> schemas);

// Test-only: random values of every message. Each schema has a file of its own, and `stem` names the file that lists
// all probes; its function is named after the stem, "lib/zk/samples" giving lib_zk_samples().
std::string emit_samples(const Schema& schema, std::string_view stem, std::string_view list_stem);
std::string emit_samples_header(std::string_view stem);
std::string emit_samples_list(std::span<const std::string> stems, std::string_view list_stem);

}  // namespace millrace::codegen
