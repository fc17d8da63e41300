/** The hooks of Holdfast that such a run comes by. */
export const HOOKS = [
  'BeforeInvocation',
  'AfterInvocation',
  'BeforeModelCall',
  'AfterModelCall',
  'BeforeToolCall',
  'AfterToolCall',
  'MessageAdded',
] as const
