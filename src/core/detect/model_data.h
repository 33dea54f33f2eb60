// The tables that training makes and the program carries: src/core/detect/data/*.bin.
#pragma once

#include <cstdint>
#include <span>

namespace capsem::detect {

std::span<const std::uint32_t> name_table_slots();  // a power of two
std::span<const std::int8_t> tagger_table();
std::span<const std::int8_t> injection_model();  // injection_model.h says what it holds

}  // namespace capsem::detect
