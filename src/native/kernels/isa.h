// Which instruction set's kernels run.
#pragma once
#include <string>

namespace tt {

// Its name, and where it is not the widest the reason.
std::string kernel_choice();

}  // namespace tt
