"""Letters: the dead letters, from the topic that they are sent to until they are repaired or given up."""
