// The parts of `gradus train`.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 names it
class App;
}

namespace gradus::tools {

// `train fashion-mnist`: a classifier with any model, optimizer and schedule, in checkpoints.
void add_train_classifier(CLI::App& train);
// `train NAME` for each example of the model zoo.
void add_train_examples(CLI::App& train);

}  // namespace gradus::tools
