// The custom resources by name: what the API server is told about them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/field_visitor.h"

namespace millrace::kube_operator::api {

inline constexpr std::string_view kGroup = "millrace.dev";
inline constexpr std::string_view kVersion = "v1alpha1";
inline constexpr std::string_view kApiVersion = "millrace.dev/v1alpha1";
inline constexpr std::string_view kCategory = "millrace";

struct PrinterColumn {
    std::string_view name;
    std::string_view type;  // string, integer, boolean, date
    std::string_view json_path;
    int priority = 0;  // above 0: only with -o wide
};

struct ScalePaths {
    std::string_view spec_replicas;
    std::string_view status_replicas;
    std::string_view selector;
};

struct Kind {
    std::string_view kind;
    std::string_view plural;
    std::string_view singular;
    std::string_view short_name;
    std::string_view doc;
    std::vector<PrinterColumn> columns;
    std::optional<ScalePaths> scale;
    std::vector<Rule> rules;  // of the whole object: its name
    std::vector<Rule> spec_rules;
    void (*describe_spec)(FieldVisitor&);  // walks a fresh struct
    void (*describe_status)(FieldVisitor&);
};

// In the order in which they are to be installed.
std::span<const Kind> all_kinds();

// The CustomResourceDefinition of a kind, as compact JSON.
std::string crd_json(const Kind& kind);

}  // namespace millrace::kube_operator::api
