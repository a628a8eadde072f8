#include "operator/api/object_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace millrace::kube_operator::api {
namespace {

using nlohmann::json;

class FieldReader : public FieldVisitor {
 public:
    explicit FieldReader(const json& root) { x_open.push_back(&root); }

    const std::string& fault() const { return x_fault; }

    void text(std::string_view name, std::string& value, const TextField& field) override {
        value = field.default_value.value_or("");
        if (const json* found = find(name, "a string", &json::is_string)) {
            value = found->get<std::string>();
        }
    }
    void integer(std::string_view name, std::optional<std::int64_t>& value,
                 const IntegerField& field) override {
        value = field.default_value;
        if (const json* found = find(name, "an integer", &json::is_number_integer)) {
            value = found->get<std::int64_t>();
        }
    }
    void integer(std::string_view name, std::int64_t& value, const IntegerField& field) override {
        std::optional<std::int64_t> read;
        integer(name, read, field);
        value = read.value_or(0);
    }
    void boolean(std::string_view name, bool& value, std::string_view,
                 bool default_value) override {
        const json* found = find(name, "true or false", &json::is_boolean);
        value = found == nullptr ? default_value : found->get<bool>();
    }
    void text_map(std::string_view name, std::map<std::string, std::string>& value,
                  const MapField&) override {
        value.clear();
        const json* found = find(name, "an object", &json::is_object);
        if (found == nullptr) {
            return;
        }
        for (const auto& [key, item] : found->items()) {
            value[key] = item.is_string() ? item.get<std::string>() : item.dump();
        }
    }
    void integer_list(std::string_view name, std::vector<std::int64_t>& value,
                      const ListField&) override {
        value.clear();
        const json* found = find(name, "a list", &json::is_array);
        if (found == nullptr) {
            return;
        }
        for (const json& item : *found) {
            if (item.is_number_integer()) {
                value.push_back(item.get<std::int64_t>());
            }
        }
    }
    void passthrough(std::string_view name, std::string& text, std::string_view) override {
        const json* found = find(name, "an object", &json::is_object);
        text = found == nullptr ? "" : found->dump();
    }
    bool begin_object(std::string_view name, const ObjectField&) override {
        static const json kEmpty = json::object();
        const json* found = find(name, "an object", &json::is_object);
        x_open.push_back(found == nullptr ? &kEmpty : found);
        return true;
    }
    void end_object() override { x_open.pop_back(); }

 protected:
    std::size_t begin_list(std::string_view name, const ListField&, std::size_t) override {
        static const json kEmpty = json::array();
        const json* found = find(name, "a list", &json::is_array);
        x_open.push_back(found == nullptr ? &kEmpty : found);
        return x_open.back()->size();
    }
    void begin_item(std::size_t index) override { x_open.push_back(&(*x_open.back())[index]); }
    void end_list() override { x_open.pop_back(); }

 private:
    using TypeCheck = bool (json::*)() const noexcept;

    const json* find(std::string_view name, std::string_view wanted, TypeCheck check) {
        const json& object = *x_open.back();
        const auto at = object.is_object() ? object.find(name) : object.end();
        if (at == object.end() || at->is_null()) {
            return nullptr;
        }
        if (!((*at).*check)()) {
            x_fault = fmt::format("{} must be {}", name, wanted);
            return nullptr;
        }
        return &*at;
    }

    std::vector<const json*> x_open;
    std::string x_fault;
};

class FieldWriter : public FieldVisitor {
 public:
    FieldWriter() { x_open.push_back(&x_root); }

    std::string text_form() const { return x_root.dump(); }

    void text(std::string_view name, std::string& value, const TextField&) override {
        if (!value.empty()) {
            slot(name) = value;
        }
    }
    void integer(std::string_view name, std::optional<std::int64_t>& value,
                 const IntegerField&) override {
        if (value) {
            slot(name) = *value;
        }
    }
    void integer(std::string_view name, std::int64_t& value, const IntegerField&) override {
        slot(name) = value;
    }
    void boolean(std::string_view name, bool& value, std::string_view,
                 bool default_value) override {
        if (value != default_value) {
            slot(name) = value;
        }
    }
    void text_map(std::string_view name, std::map<std::string, std::string>& value,
                  const MapField&) override {
        if (!value.empty()) {
            slot(name) = value;
        }
    }
    void integer_list(std::string_view name, std::vector<std::int64_t>& value,
                      const ListField&) override {
        if (!value.empty()) {
            slot(name) = value;
        }
    }
    void passthrough(std::string_view name, std::string& text, std::string_view) override {
        if (!text.empty()) {
            slot(name) = json::parse(text, nullptr, false);
        }
    }
    bool begin_object(std::string_view name, const ObjectField&) override {
        json& object = slot(name);
        object = json::object();
        x_open.push_back(&object);
        x_names.emplace_back(name);
        return true;
    }
    void end_object() override {
        const bool is_empty = x_open.back()->empty();
        x_open.pop_back();
        if (x_names.empty()) {
            return;
        }
        // An item of a list has an empty name and stays, an empty object goes.
        if (is_empty && !x_names.back().empty()) {
            x_open.back()->erase(x_names.back());
        }
        x_names.pop_back();
    }

 protected:
    std::size_t begin_list(std::string_view name, const ListField&, std::size_t size) override {
        x_list = std::string(name);
        json& list = slot(name);
        list = json::array();
        x_open.push_back(&list);
        return size;
    }
    void begin_item(std::size_t) override {
        x_open.back()->push_back(json::object());
        x_open.push_back(&x_open.back()->back());
        x_names.emplace_back();
    }
    void end_list() override {
        const bool is_empty = x_open.back()->empty();
        x_open.pop_back();
        if (is_empty) {
            x_open.back()->erase(x_list);
        }
    }

 private:
    json& slot(std::string_view name) { return (*x_open.back())[std::string(name)]; }

    json x_root = json::object();
    std::vector<json*> x_open;
    std::vector<std::string> x_names;
    std::string x_list;
};

}  // namespace

Status read_fields(std::string_view json_object, const Describe& describe) {
    const json root = json::parse(json_object, nullptr, false);
    if (!root.is_object()) {
        return fail(Errc::malformed, "not a JSON object");
    }
    FieldReader reader(root);
    describe(reader);
    return reader.fault().empty() ? Status{} : fail(Errc::malformed, reader.fault());
}

std::string write_fields(const Describe& describe) {
    FieldWriter writer;
    describe(writer);
    return writer.text_form();
}

}  // namespace millrace::kube_operator::api
