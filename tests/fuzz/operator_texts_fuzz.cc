// Texts that the operator and its API server read. The first byte chooses: JSON, YAML, a protobuf body, a resource, a time; with a
// line "===" between two texts: a patch, managed fields, lines of a watch.
#include <nlohmann/json.hpp>

#include "lib/base/check.h"
#include "operator/api/broker_pool.h"
#include "operator/kube/json_text.h"
#include "operator/kube/watch_decoder.h"
#include "operator/local/field_set.h"
#include "operator/local/log_reader.h"
#include "operator/local/managed_fields.h"
#include "operator/local/patch.h"
#include "operator/local/protobuf_body.h"
#include "operator/local/wall_clock.h"
#include "operator/server/resource_reader.h"
#include "operator/server/yaml_stream.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/memory_meter.h"

namespace millrace::kube_operator {
namespace {

using Json = nlohmann::json;
using Parts = std::vector<std::string_view>;

std::string_view part(const Parts& parts, std::size_t at) {
    return at < parts.size() ? parts[at] : std::string_view();
}

// Null where the text is no JSON.
Json json_of(std::string_view text) {
    Result<Json> value = kube::parse_json(text);
    return value ? std::move(*value) : Json();
}

void check_json(std::string_view text) {
    const fuzz::MemoryMeter meter;
    const Result<Json> value = kube::parse_json(text);
    // "[1,1,…": a value of two bytes is 16, in a list that grows by doubling.
    meter.check(text.size(), 64);
    if (value) {
        const std::string again = kube::to_text(*value);
        CHECK(json_of(again) == *value || again.find("null") != std::string::npos);
        (void)server::to_yaml(*value);
    }
}

void check_yaml(std::string_view text) {
    const Result<std::vector<Json>> documents = server::read_yaml_stream(text);
    if (!documents) {
        return;
    }
    for (const Json& document : *documents) {
        const auto again = server::read_yaml_stream(server::to_yaml(document));
        CHECK(again && again->size() <= 1);
        (void)kube::to_text(document);
    }
}

void check_protobuf(std::string_view text) {
    const Result<Json> object = local::parse_protobuf(text);
    CHECK(!object || object->contains("kind"));
}

void check_patch(const Parts& parts) {
    const Json object = json_of(part(parts, 0));
    const Json patch = json_of(part(parts, 1));
    CHECK(local::merge_patched(local::merge_patched(object, patch), patch) ==
          local::merge_patched(object, patch));
    (void)local::json_patched(object, patch);
    try {
        (void)kube::to_text(local::strategic_patched(object, patch));
    } catch (const Json::exception&) {
        return;  // the API server answers 400
    }
}

// After an apply the manager owns what it applied, and applying again changes nothing.
void check_managed(const Parts& parts) {
    const Json live = json_of(part(parts, 0));
    const Json applied = json_of(part(parts, 1));
    if (!applied.is_object() || (!live.is_object() && !live.is_null())) {
        return;
    }
    const local::FieldWriter writer{"fuzz", "v1", "", WallTime{1'700'000'000'000}};
    const local::ShapeContext shape{nullptr, "", true};
    try {
        const auto once = local::apply_configuration(live, applied, writer, true, shape);
        if (once) {
            const auto twice = local::apply_configuration(*once, applied, writer, false, shape);
            CHECK(twice && *twice == *once, "the second apply of the same thing changed something");
        }
        Json updated = applied;
        local::record_update(live, updated, writer, shape);
    } catch (const Json::exception&) {
        return;  // the API server answers 400
    }
    const auto fields = local::FieldSet::from_json(applied);
    CHECK(local::FieldSet::from_json(fields.to_json()) == fields);
}

void check_watch(const Parts& parts) {
    kube::WatchDecoder decoder;
    for (const std::string_view line : parts) {
        if (!decoder.take_line(line)) {
            return;
        }
    }
}

template <class Resource>
void check_resource(const kube::JsonPtr& object) {
    const Result<Resource> resource = server::read_resource<Resource>(object);
    if (resource) {
        const std::string spec = server::text_of(resource->spec);
        CHECK(json_of(spec).is_object());
    }
}

void check_resources(std::string_view text) {
    const auto object = std::make_shared<const Json>(json_of(text));
    check_resource<api::CoordinatorEnsemble>(object);
    check_resource<api::KafkaCluster>(object);
    check_resource<api::BrokerPool>(object);
    check_resource<api::ClusterNode>(object);
    check_resource<api::KafkaTopic>(object);
    (void)server::read_pod(*object);
}

void check_time(std::string_view text) {
    const auto time = local::parse_time(text);
    CHECK(!time || local::parse_time(to_iso8601(*time)).has_value());
    (void)local::age_since(text, WallTime{1'700'000'000'000});
    CHECK(local::tail_start(text, 2) <= text.size());
}

void check_input(fuzz::Input& input) {
    const std::size_t choice = input.choice(8);
    const Parts parts = input.parts();
    const std::string_view all(
        parts.front().data(),
        static_cast<std::size_t>(parts.back().data() + parts.back().size() - parts.front().data()));
    constexpr std::array kPairs{check_patch, check_managed, check_watch};
    constexpr std::array kTexts{check_json, check_yaml, check_protobuf, check_resources,
                                check_time};
    if (choice < kTexts.size()) {
        kTexts[choice](all);
    } else {
        kPairs[choice - kTexts.size()](parts);
    }
}

}  // namespace
}  // namespace millrace::kube_operator

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    millrace::fuzz::Input input(data, size);
    millrace::kube_operator::check_input(input);
    return 0;
}
