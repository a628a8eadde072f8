// Runs a parsed expression. Pure; bounded in steps, so that a rule with nested loops ends.
#pragma once

#include <map>
#include <string>

#include "operator/local/cel_syntax.h"
#include "operator/local/cel_value.h"

namespace millrace::kube_operator::local {

class CelEvaluator {
 public:
    explicit CelEvaluator(std::size_t steps_max = 1'000'000) : x_steps_left(steps_max) {}

    // Variables by name: self, oldSelf.
    void bind(const std::string& name, CelValue value) { x_variables[name] = std::move(value); }
    void unbind(const std::string& name) { x_variables.erase(name); }

    CelValue evaluate(const CelNode& node);

 private:
    // Takes steps for what is about to be copied or compared; false when too few are left.
    bool afford(const CelValue& value);
    CelValue field(const CelNode& node);
    CelValue index(const CelNode& node);
    CelValue unary(const CelNode& node);
    CelValue binary(const CelNode& node);
    CelValue logical(const CelNode& node);
    CelValue conditional(const CelNode& node);
    CelValue list(const CelNode& node);
    CelValue map(const CelNode& node);
    CelValue call(const CelNode& node);
    CelValue macro(const CelNode& node);
    CelValue quantifier(const CelNode& node, const std::vector<CelValue>& range);
    CelValue transform(const CelNode& node, const std::vector<CelValue>& range);

    std::map<std::string, CelValue> x_variables;
    std::size_t x_steps_left;
};

}  // namespace millrace::kube_operator::local
