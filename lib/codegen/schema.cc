#include "lib/codegen/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace millrace::codegen {
namespace {

// Above the highest version that any message has had by far.
constexpr int kVersionProbe = 64;

Status clash(const std::string& name, const std::string& place, const std::string& first) {
    return fail(Errc::invalid_argument,
                fmt::format("{}: {} is declared already at {}", place, name, first));
}

std::string place_of(const Schema& schema, int line) {
    return fmt::format("{}:{}", schema.file, line);
}

Status check_names(const std::vector<Schema>& schemas) {
    std::map<std::string, std::string> seen;
    for (const Schema& schema : schemas) {
        for (const Structure& structure : schema.structures) {
            const std::string place = place_of(schema, structure.line);
            const auto [it, fresh] = seen.emplace(structure.cpp_name, place);
            if (!fresh) {
                return clash(structure.cpp_name, place, it->second);
            }
        }
    }
    return {};
}

struct RequestPlace {
    const Message* message = nullptr;
    std::string place;
};

Result<std::map<std::string, RequestPlace>> collect_requests(const std::vector<Schema>& schemas) {
    std::map<std::string, RequestPlace> requests;
    std::map<int, std::string> keys;
    for (const Schema& schema : schemas) {
        for (const Message& message : schema.messages) {
            if (message.kind != MessageKind::request) {
                continue;
            }
            const std::string place = place_of(schema, message.line);
            const auto [it, fresh] = keys.emplace(*message.api_key, place);
            if (!fresh) {
                return fail(Errc::invalid_argument,
                            fmt::format("{}: api key {} is taken at {}", place, *message.api_key,
                                        it->second));
            }
            requests[message.name] = {&message, place};
        }
    }
    return requests;
}

std::size_t element_wire_size(const Schema& schema, const FieldType& type, bool flexible,
                              int version);

std::size_t structure_wire_size(const Schema& schema, const Structure& structure, bool flexible,
                                int version) {
    std::size_t size = flexible ? 1 : 0;
    for (const Field& field : structure.fields) {
        if (field.tag || !field.versions.contains(version)) {
            continue;
        }
        if (field.type.array) {
            size += flexible ? 1 : 4;
        } else if (field.nullable && field.type.kind == TypeKind::structure) {
            size += 1;
        } else {
            size += element_wire_size(schema, field.type, flexible, version);
        }
    }
    return size;
}

std::size_t element_wire_size(const Schema& schema, const FieldType& type, bool flexible,
                              int version) {
    switch (type.kind) {
        case TypeKind::boolean:
        case TypeKind::int8:
            return 1;
        case TypeKind::int16:
        case TypeKind::uint16:
            return 2;
        case TypeKind::int32:
        case TypeKind::uint32:
            return 4;
        case TypeKind::int64:
        case TypeKind::float64:
            return 8;
        case TypeKind::uuid:
            return 16;
        case TypeKind::string:
            return flexible ? 1 : (schema.profile == Profile::jute ? 4 : 2);
        case TypeKind::bytes:
        case TypeKind::buffer:
        case TypeKind::records:
            return flexible ? 1 : 4;
        case TypeKind::structure:
            return structure_wire_size(schema, schema.structures[type.structure], flexible,
                                       version);
    }
    return 0;
}

}  // namespace

VersionRange VersionRange::intersect(VersionRange other) const {
    return {std::max(first, other.first), std::min(last, other.last)};
}

std::string_view name_of(TypeKind kind) {
    switch (kind) {
        case TypeKind::boolean:
            return "bool";
        case TypeKind::int8:
            return "int8";
        case TypeKind::int16:
            return "int16";
        case TypeKind::uint16:
            return "uint16";
        case TypeKind::int32:
            return "int32";
        case TypeKind::uint32:
            return "uint32";
        case TypeKind::int64:
            return "int64";
        case TypeKind::float64:
            return "float64";
        case TypeKind::string:
            return "string";
        case TypeKind::bytes:
            return "bytes";
        case TypeKind::buffer:
            return "buffer";
        case TypeKind::uuid:
            return "uuid";
        case TypeKind::records:
            return "records";
        case TypeKind::structure:
            return "struct";
    }
    return "";
}

Status check_together(std::vector<Schema>& schemas) {
    TRY(check_names(schemas));
    const std::map<std::string, RequestPlace> requests = TRY(collect_requests(schemas));
    for (Schema& schema : schemas) {
        for (Message& message : schema.messages) {
            const auto it = requests.find(message.name);
            if (message.kind != MessageKind::response || it == requests.end()) {
                continue;
            }
            const Message& request = *it->second.message;
            if (request.versions != message.versions ||
                request.first_flexible != message.first_flexible) {
                return fail(
                    Errc::invalid_argument,
                    fmt::format("{}: response {} must have the versions and the first "
                                "flexible version of its request at {}",
                                place_of(schema, message.line), message.name, it->second.place));
            }
            message.api_key = request.api_key;
        }
    }
    return {};
}

std::size_t min_wire_size(const Schema& schema, const Structure& structure) {
    std::size_t smallest = SIZE_MAX;
    const int last = std::min(structure.versions.last, kVersionProbe);
    for (int version = structure.versions.first; version <= last; ++version) {
        smallest = std::min(smallest, structure_wire_size(schema, structure, false, version));
        if (schema.profile == Profile::kafka) {
            smallest = std::min(smallest, structure_wire_size(schema, structure, true, version));
        }
    }
    return std::max<std::size_t>(smallest, 1);
}

std::size_t min_wire_size(const Schema& schema, const FieldType& type) {
    if (type.kind == TypeKind::structure) {
        return min_wire_size(schema, schema.structures[type.structure]);
    }
    const bool flexible = schema.profile == Profile::kafka;
    return element_wire_size(schema, type, flexible, 0);
}

}  // namespace millrace::codegen
