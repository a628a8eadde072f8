// Field numbers are those of k8s.io/api and k8s.io/apimachinery (generated.proto), which Kubernetes keeps for ever.
#include "operator/local/protobuf_body.h"

#include <openssl/evp.h>

#include <nlohmann/json.hpp>

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kMagic{"k8s\0", 4};

enum class Shape { text, base64, integer, boolean, message, text_map, base64_map, texts, messages };

struct Message;

struct Field {
    std::uint32_t number;
    const char* name;
    Shape shape;
    const Message* message = nullptr;
};

struct Message {
    std::span<const Field> fields;
};

// Reads varints and lengths off a stretch of bytes; a length is held against what is left before it is used.
class Cursor {
 public:
    explicit Cursor(std::string_view bytes) : x_rest(bytes) {}

    bool at_end() const { return x_rest.empty(); }

    Result<std::uint64_t> varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64 && !x_rest.empty(); shift += 7) {
            const auto byte = static_cast<unsigned char>(x_rest.front());
            x_rest.remove_prefix(1);
            value |= std::uint64_t{byte & 0x7FU} << shift;
            if ((byte & 0x80U) == 0) {
                return value;
            }
        }
        return fail(Errc::malformed, "a protobuf number does not end");
    }

    Result<std::string_view> stretch() {
        const std::uint64_t size = TRY(varint());
        if (size > x_rest.size()) {
            return fail(Errc::malformed, "a protobuf field is longer than its message");
        }
        const std::string_view out = x_rest.substr(0, size);
        x_rest.remove_prefix(size);
        return out;
    }

    Status skip(std::uint64_t wire_type) {
        constexpr std::size_t kLongFixed = 8;
        constexpr std::size_t kShortFixed = 4;
        if (wire_type == 0) {
            TRY(varint());
            return {};
        }
        if (wire_type == 2) {
            TRY(stretch());
            return {};
        }
        const std::size_t size = wire_type == 1 ? kLongFixed : kShortFixed;
        if ((wire_type != 1 && wire_type != 5) || size > x_rest.size()) {
            return fail(Errc::malformed, "a protobuf field of an unknown type");
        }
        x_rest.remove_prefix(size);
        return {};
    }

 private:
    std::string_view x_rest;
};

constexpr std::array<Field, 6> kOwnerFields = {{{1, "kind", Shape::text},
                                                {3, "name", Shape::text},
                                                {4, "uid", Shape::text},
                                                {5, "apiVersion", Shape::text},
                                                {6, "controller", Shape::boolean},
                                                {7, "blockOwnerDeletion", Shape::boolean}}};
constexpr Message kOwner{kOwnerFields};

constexpr std::array<Field, 9> kMetadataFields = {
    {{1, "name", Shape::text},
     {2, "generateName", Shape::text},
     {3, "namespace", Shape::text},
     {5, "uid", Shape::text},
     {6, "resourceVersion", Shape::text},
     {11, "labels", Shape::text_map},
     {12, "annotations", Shape::text_map},
     {13, "ownerReferences", Shape::messages, &kOwner},
     {14, "finalizers", Shape::texts}}};
constexpr Message kMetadata{kMetadataFields};

constexpr std::array<Field, 4> kConfigMapFields = {{{1, "metadata", Shape::message, &kMetadata},
                                                    {2, "data", Shape::text_map},
                                                    {3, "binaryData", Shape::base64_map},
                                                    {4, "immutable", Shape::boolean}}};
constexpr std::array<Field, 5> kSecretFields = {{{1, "metadata", Shape::message, &kMetadata},
                                                 {2, "data", Shape::base64_map},
                                                 {3, "type", Shape::text},
                                                 {4, "stringData", Shape::text_map},
                                                 {5, "immutable", Shape::boolean}}};
constexpr std::array<Field, 5> kRuleFields = {{{1, "verbs", Shape::texts},
                                               {2, "apiGroups", Shape::texts},
                                               {3, "resources", Shape::texts},
                                               {4, "resourceNames", Shape::texts},
                                               {5, "nonResourceURLs", Shape::texts}}};
constexpr Message kRule{kRuleFields};
constexpr std::array<Field, 2> kRoleFields = {
    {{1, "metadata", Shape::message, &kMetadata}, {2, "rules", Shape::messages, &kRule}}};
constexpr std::array<Field, 4> kSubjectFields = {{{1, "kind", Shape::text},
                                                  {2, "apiGroup", Shape::text},
                                                  {3, "name", Shape::text},
                                                  {4, "namespace", Shape::text}}};
constexpr Message kSubject{kSubjectFields};
constexpr std::array<Field, 3> kRoleReferenceFields = {
    {{1, "apiGroup", Shape::text}, {2, "kind", Shape::text}, {3, "name", Shape::text}}};
constexpr Message kRoleReference{kRoleReferenceFields};
constexpr std::array<Field, 3> kBindingFields = {{{1, "metadata", Shape::message, &kMetadata},
                                                  {2, "subjects", Shape::messages, &kSubject},
                                                  {3, "roleRef", Shape::message, &kRoleReference}}};
constexpr std::array<Field, 2> kPreconditionFields = {
    {{1, "uid", Shape::text}, {2, "resourceVersion", Shape::text}}};
constexpr Message kPreconditions{kPreconditionFields};
constexpr std::array<Field, 5> kDeleteFields = {
    {{1, "gracePeriodSeconds", Shape::integer},
     {2, "preconditions", Shape::message, &kPreconditions},
     {3, "orphanDependents", Shape::boolean},
     {4, "propagationPolicy", Shape::text},
     {5, "dryRun", Shape::texts}}};
// Of these kinds the server fills in the rest itself.
constexpr std::array<Field, 1> kPlainFields = {{{1, "metadata", Shape::message, &kMetadata}}};

constexpr std::array<Field, 2> kTypeFields = {
    {{1, "apiVersion", Shape::text}, {2, "kind", Shape::text}}};
constexpr Message kType{kTypeFields};
constexpr std::array<Field, 2> kEnvelopeFields = {
    {{1, "type", Shape::message, &kType}, {2, "raw", Shape::text}}};
constexpr Message kEnvelope{kEnvelopeFields};

std::string base64(std::string_view bytes) {
    std::string out(4 * ((bytes.size() + 2) / 3), '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                    reinterpret_cast<const unsigned char*>(bytes.data()),
                    static_cast<int>(bytes.size()));
    return out;
}

Result<Json> read_message(std::string_view bytes, const Message& message);

Status read_entry(std::string_view bytes, bool encoded, Json& into) {
    Cursor cursor(bytes);
    std::string key;
    std::string value;
    while (!cursor.at_end()) {
        const std::uint64_t tag = TRY(cursor.varint());
        const std::uint64_t number = tag >> 3;
        if ((tag & 7) != 2 || number > 2) {
            TRY(cursor.skip(tag & 7));
            continue;
        }
        (number == 1 ? key : value) = TRY(cursor.stretch());
    }
    into[key] = encoded ? base64(value) : value;
    return {};
}

Status read_stretch(const Field& field, std::string_view bytes, Json& out) {
    switch (field.shape) {
        case Shape::text:
            out[field.name] = bytes;
            return {};
        case Shape::base64:
            out[field.name] = base64(bytes);
            return {};
        case Shape::texts:
            out[field.name].push_back(bytes);
            return {};
        case Shape::text_map:
            return read_entry(bytes, false, out[field.name]);
        case Shape::base64_map:
            return read_entry(bytes, true, out[field.name]);
        case Shape::message:
            out[field.name] = TRY(read_message(bytes, *field.message));
            return {};
        case Shape::messages:
            out[field.name].push_back(TRY(read_message(bytes, *field.message)));
            return {};
        case Shape::integer:
        case Shape::boolean:
            break;
    }
    return fail(Errc::malformed, fmt::format("the protobuf field {} is no number", field.name));
}

// Absent texts travel as empty ones; they are left out, as in JSON.
bool says_nothing(const Field& field, std::string_view bytes) {
    return bytes.empty() && (field.shape == Shape::text || field.shape == Shape::base64);
}

Result<Json> read_message(std::string_view bytes, const Message& message) {
    Json out = Json::object();
    Cursor cursor(bytes);
    while (!cursor.at_end()) {
        const std::uint64_t tag = TRY(cursor.varint());
        const auto field = std::ranges::find(message.fields, tag >> 3, &Field::number);
        if (field == message.fields.end()) {
            TRY(cursor.skip(tag & 7));
        } else if ((tag & 7) == 0) {
            const std::uint64_t value = TRY(cursor.varint());
            if (field->shape != Shape::boolean && field->shape != Shape::integer) {
                return fail(Errc::malformed,
                            fmt::format("the protobuf field {} is a number", field->name));
            }
            out[field->name] = field->shape == Shape::boolean
                                   ? Json(value != 0)
                                   : Json(static_cast<std::int64_t>(value));
        } else if ((tag & 7) == 2) {
            const std::string_view stretch = TRY(cursor.stretch());
            if (!says_nothing(*field, stretch)) {
                TRY(read_stretch(*field, stretch, out));
            }
        } else {
            TRY(cursor.skip(tag & 7));
        }
    }
    return out;
}

}  // namespace

bool is_protobuf(std::string_view content_type) {
    return content_type.starts_with("application/vnd.kubernetes.protobuf");
}

Result<nlohmann::json> parse_protobuf(std::string_view body) {
    if (!body.starts_with(kMagic)) {
        return fail(Errc::malformed, "the body is no protobuf object of Kubernetes");
    }
    const Json envelope = TRY(read_message(body.substr(kMagic.size()), kEnvelope));
    const Json type = envelope.value("type", Json::object());
    const std::string kind = type.value("kind", "");
    Message message{kPlainFields};
    if (kind == "ConfigMap") {
        message.fields = kConfigMapFields;
    } else if (kind == "Secret") {
        message.fields = kSecretFields;
    } else if (kind == "DeleteOptions") {
        message.fields = kDeleteFields;
    } else if (kind == "Role" || kind == "ClusterRole") {
        message.fields = kRoleFields;
    } else if (kind == "RoleBinding" || kind == "ClusterRoleBinding") {
        message.fields = kBindingFields;
    } else if (kind != "Namespace" && kind != "ServiceAccount" && !kind.ends_with("Review")) {
        return fail(Errc::unsupported,
                    fmt::format("objects of kind {} must be sent as JSON or YAML", kind));
    }
    Json object = TRY(read_message(envelope.value("raw", ""), message));
    object["apiVersion"] = type.value("apiVersion", "");
    object["kind"] = kind;
    return object;
}

}  // namespace millrace::kube_operator::local
