// A file descriptor that is closed with its owner.
#pragma once

#include <unistd.h>

#include <utility>

namespace millrace::runtime {

class OwnedDescriptor {
 public:
    OwnedDescriptor() = default;
    explicit OwnedDescriptor(int descriptor) : x_descriptor(descriptor) {}
    OwnedDescriptor(OwnedDescriptor&& other) noexcept
        : x_descriptor(std::exchange(other.x_descriptor, -1)) {}
    OwnedDescriptor& operator=(OwnedDescriptor&& other) noexcept {
        if (this != &other) {
            reset();
            x_descriptor = std::exchange(other.x_descriptor, -1);
        }
        return *this;
    }
    OwnedDescriptor(const OwnedDescriptor&) = delete;
    OwnedDescriptor& operator=(const OwnedDescriptor&) = delete;
    ~OwnedDescriptor() { reset(); }

    int get() const { return x_descriptor; }
    bool is_open() const { return x_descriptor >= 0; }
    void reset() {
        if (x_descriptor >= 0) {
            ::close(x_descriptor);
            x_descriptor = -1;
        }
    }

 private:
    int x_descriptor = -1;
};

}  // namespace millrace::runtime
