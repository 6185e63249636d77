#include <c10/util/Exception.h>

#include <cstring>
#include <exception>
#include <new>
#include <string>

#include "guard.h"

namespace {

struct Failure {
    std::string first_line;
    std::string full;               // filled on request: resolving the C++ trace costs milliseconds
    std::exception_ptr exception;
};
thread_local Failure last;

std::string first_line(const char* text) { return std::string(text, std::strcspn(text, "\n")); }

std::string full_text(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "a C++ exception of an unknown type";
    }
}

// The CPU allocator reports exhaustion as a plain c10::Error; its text is all there is to tell it by.
bool tells_of_exhausted_memory(const char* text) {
    return std::strstr(text, "DefaultCPUAllocator: ") != nullptr || std::strstr(text, "CUDA out of memory") != nullptr;
}

int32_t record(const char* text, int32_t code) {
    last.first_line = first_line(text);
    last.exception = std::current_exception();
    last.full.clear();
    return code;
}

int32_t record_in_flight() {
    try {
        throw;
    } catch (const c10::OutOfMemoryError& e) {
        return record(e.what_without_backtrace(), TT_OUT_OF_MEMORY);
    } catch (const c10::Error& e) {
        const char* text = e.what_without_backtrace();
        return record(text, tells_of_exhausted_memory(text) ? TT_OUT_OF_MEMORY : TT_FAILED);
    } catch (const std::bad_alloc&) {
        return record("out of memory", TT_OUT_OF_MEMORY);
    } catch (const std::exception& e) {
        return record(e.what(), TT_FAILED);
    } catch (...) {
        return record("a C++ exception of an unknown type", TT_FAILED);
    }
}

}  // namespace

namespace tt {

int32_t record_failure() noexcept {
    try {
        return record_in_flight();
    } catch (...) {   // no memory even for the message
        clear_failure();
        return TT_OUT_OF_MEMORY;
    }
}

void clear_failure() noexcept {
    last.first_line.clear();
    last.full.clear();
    last.exception = nullptr;
}

}  // namespace tt

extern "C" const char* tt_error(int32_t full) {
    if (!full || !last.exception) return last.first_line.c_str();
    if (last.full.empty()) {
        if (tt::status([] { last.full = full_text(last.exception); }) != TT_OK) return last.first_line.c_str();
    }
    return last.full.c_str();
}
