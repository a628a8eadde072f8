// Pieces that several kinds have in common.
#pragma once

#include <string>

#include "operator/api/field_visitor.h"

namespace millrace::kube_operator::api {

// A claim for one data directory.
struct Storage {
    std::string type;           // PersistentClaim or Ephemeral
    std::string size;           // Kubernetes quantity
    std::string storage_class;  // empty: the default class
    bool delete_claim = false;  // true: the claim goes with the resource
};

// How nodes are restarted when a setting changes.
struct Rollout {
    std::string strategy;              // Auto or OnDelete
    std::int64_t stall_timeout_s = 0;  // seconds without progress until the roll counts as stalled
};

// Progress of a roll as status shows it.
struct RolloutStatus {
    std::string phase;  // Idle, Rolling, Waiting, Stalled
    std::string reason;
    std::int64_t total = 0;
    std::int64_t done = 0;
    std::string waiting_for;
    std::string last_progress;  // RFC 3339; empty when nothing rolls

    // "2/3", or "-" when nothing rolls.
    std::string summary;
};

void describe(FieldVisitor& visitor, Storage& storage);
void describe(FieldVisitor& visitor, Rollout& rollout);
void describe(FieldVisitor& visitor, RolloutStatus& rollout);
void describe_image(FieldVisitor& visitor, std::string& image);
void describe_paused(FieldVisitor& visitor, bool& paused);
void describe_reference(FieldVisitor& visitor, std::string_view field, std::string& name,
                        std::string_view doc, bool required);

}  // namespace millrace::kube_operator::api
