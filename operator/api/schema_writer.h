// Writes the OpenAPI v3 schema of a described struct, in the structural form that a CRD asks for.
#pragma once

#include <memory>
#include <string>

#include "operator/api/field_visitor.h"

namespace millrace::kube_operator::api {

class SchemaWriter : public FieldVisitor {
 public:
    SchemaWriter();
    ~SchemaWriter() override;

    // The schema of everything visited so far, as JSON text of an object schema with the rules given.
    std::string schema(std::string_view doc, std::span<const Rule> rules) const;

    void text(std::string_view name, std::string& value, const TextField& field) override;
    void integer(std::string_view name, std::optional<std::int64_t>& value,
                 const IntegerField& field) override;
    void integer(std::string_view name, std::int64_t& value, const IntegerField& field) override;
    void boolean(std::string_view name, bool& value, std::string_view doc,
                 bool default_value) override;
    void text_map(std::string_view name, std::map<std::string, std::string>& value,
                  const MapField& field) override;
    void integer_list(std::string_view name, std::vector<std::int64_t>& value,
                      const ListField& field) override;
    void passthrough(std::string_view name, std::string& json, std::string_view doc) override;
    bool begin_object(std::string_view name, const ObjectField& field) override;
    void end_object() override;

 protected:
    std::size_t begin_list(std::string_view name, const ListField& field,
                           std::size_t size) override;
    void begin_item(std::size_t index) override;
    void end_list() override;

 private:
    struct State;
    std::unique_ptr<State> x_state;
};

}  // namespace millrace::kube_operator::api
