// The assembler copies the files into the read-only data of the program.
#include "core/detect/model_data.h"

#define CAPSEM_EMBED(symbol, file)            \
  asm(".section .rodata\n.balign 64\n" symbol \
      ":\n.incbin "                           \
      "\"" CAPSEM_DETECT_DATA "/" file "\"\n" symbol "_end:\n.previous\n")

CAPSEM_EMBED("capsem_name_table", "name_table.bin");
CAPSEM_EMBED("capsem_tagger", "tagger.bin");
CAPSEM_EMBED("capsem_injection_model", "injection_model.bin");

extern "C" {
extern const std::uint32_t capsem_name_table[], capsem_name_table_end[];
extern const std::int8_t capsem_tagger[], capsem_tagger_end[];
extern const std::int8_t capsem_injection_model[], capsem_injection_model_end[];
}

namespace capsem::detect {

std::span<const std::uint32_t> name_table_slots() {
  return {capsem_name_table, capsem_name_table_end};
}
std::span<const std::int8_t> tagger_table() {
  return {capsem_tagger, capsem_tagger_end};
}
std::span<const std::int8_t> injection_model() {
  return {capsem_injection_model, capsem_injection_model_end};
}

}  // namespace capsem::detect
