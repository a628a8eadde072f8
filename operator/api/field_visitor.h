// One declaration per custom resource: a `describe` function names each field once, with its limits and its member. Three
// visitors walk it: one writes the schema of the CRD, one reads JSON into the struct, one writes the struct as JSON.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::kube_operator::api {

struct TextField {
    std::string_view doc;
    std::optional<std::string_view> default_value = {};
    std::string_view pattern = {};               // RE2
    std::int64_t length_max = 253;               // characters
    std::vector<std::string_view> allowed = {};  // empty: anything
    bool required = false;
    bool date_time = false;  // RFC 3339
};

struct IntegerField {
    std::string_view doc;
    std::optional<std::int64_t> default_value = {};
    std::int64_t min = INT32_MIN;
    std::int64_t max = INT32_MAX;
    bool required = false;
};

struct MapField {
    std::string_view doc;
    std::int64_t entries_max = 256;
    std::int64_t value_length_max = 4096;
};

// A CEL rule and what the user reads when it does not hold.
struct Rule {
    std::string_view cel;
    std::string_view message;
};

struct ObjectField {
    std::string_view doc;
    bool required = false;
    // Present with its fields' defaults when a user leaves it out, so that rules which compare old and new always see it.
    bool present = false;
    std::vector<Rule> rules = {};
};

struct ListField {
    std::string_view doc;
    std::int64_t items_max = 64;
    std::vector<std::string_view> map_keys = {};  // set: listType=map with these keys
    std::vector<Rule> rules = {};
};

class FieldVisitor {
 public:
    virtual ~FieldVisitor() = default;

    // An empty text is an absent one.
    virtual void text(std::string_view name, std::string& value, const TextField& field) = 0;
    virtual void integer(std::string_view name, std::optional<std::int64_t>& value,
                         const IntegerField& field) = 0;
    virtual void integer(std::string_view name, std::int64_t& value, const IntegerField& field) = 0;
    virtual void boolean(std::string_view name, bool& value, std::string_view doc,
                         bool default_value) = 0;
    virtual void text_map(std::string_view name, std::map<std::string, std::string>& value,
                          const MapField& field) = 0;
    virtual void integer_list(std::string_view name, std::vector<std::int64_t>& value,
                              const ListField& field) = 0;
    // Kept as JSON text and passed on as it is (resource requirements, affinity, …); empty: absent.
    virtual void passthrough(std::string_view name, std::string& json, std::string_view doc) = 0;

    // Returns false when the object is absent and its fields are to be left alone.
    virtual bool begin_object(std::string_view name, const ObjectField& field) = 0;
    virtual void end_object() = 0;

    template <class T, class Describe>
    void objects(std::string_view name, std::vector<T>& items, const ListField& field,
                 Describe describe) {
        const std::size_t count = begin_list(name, field, items.size());
        items.resize(count);
        for (std::size_t i = 0; i < count; ++i) {
            begin_item(i);
            describe(*this, items[i]);
            end_object();
        }
        end_list();
    }

 protected:
    // Returns how many items there are to be visited.
    virtual std::size_t begin_list(std::string_view name, const ListField& field,
                                   std::size_t size) = 0;
    virtual void begin_item(std::size_t index) = 0;
    virtual void end_list() = 0;
};

}  // namespace millrace::kube_operator::api
