"""The Textual chat: a face that draws the journal and carries the person's words and answers to Diana."""
