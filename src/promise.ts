/** Whether there is something to be awaited. An `await` of what is there already costs as much as one of what is not. */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
