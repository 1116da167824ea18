// The `gradus` command; all of it lies in run_command_line(), so that tests can link it.
#include "gradus/tools/command.h"

int main(int argc, char** argv) { return gradus::tools::run_command_line(argc, argv); }
