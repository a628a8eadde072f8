// How the kinds that the operator deals with are named in paths of the API.
#pragma once

#include <string_view>

#include "operator/kube/client.h"

namespace millrace::kube_operator::server {

// Null for a kind the operator does not know. Kinds are unique among those it knows.
const kube::ResourceType* find_type(std::string_view kind);

// As above for a kind that is known for certain.
const kube::ResourceType& type_of(std::string_view kind);

}  // namespace millrace::kube_operator::server
