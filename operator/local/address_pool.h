// Loopback addresses of pods: 127.64.0.1 to 127.127.255.254. The cluster's directory and the pod's name
// decide the address, so that a pod that is made anew comes back where its peers look for it. Pure.
#pragma once

#include <map>
#include <string>
#include <utility>

namespace millrace::kube_operator::local {

class AddressPool {
 public:
    // salt tells the local clusters of one machine apart: the path of its directory.
    explicit AddressPool(std::string salt) : x_salt(std::move(salt)) {}

    // The address of a pod, reserved from the first time it is asked for. The next free one is taken when two names meet.
    std::string address_of(const std::string& name_space, const std::string& pod);
    // Takes over what a pod was given in an earlier run; ignored when the address is reserved for another name.
    void restore(const std::string& name_space, const std::string& pod, const std::string& address);

 private:
    std::string x_salt;
    std::map<std::string, std::string> x_by_pod;
    std::map<std::string, std::string> x_by_address;
};

}  // namespace millrace::kube_operator::local
