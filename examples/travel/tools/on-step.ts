/** Where a tool is, told from its middle. */
export interface Middle {
  readonly tool: string
  readonly stepId: string
  readonly note: string
}

/** Called and awaited in the middle of a tool's work. The demo uses it to kill the process there. */
export type OnStep = (middle: Middle) => Promise<void> | void
