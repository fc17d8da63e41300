/** The steps of a trip of the contract agent, and which of them run beside each other. */
export const BOOKING = '2/tool/0/bookFlight'

/** Of the batch whose steps run beside each other: the steps of each call, one after the other. */
const BESIDE: readonly (readonly string[])[] = [
  ['1/tool/0/searchFlights'],
  ['1/tool/1/searchHotels', '1/tool/1/searchHotels#2'],
  ['1/agent/2/weather/1/model', '1/agent/2/weather/1/tool/0/forecast', '1/agent/2/weather/2/model'],
]

/** All model calls and tools of a trip, in an order in which they may run. */
export const STEPS: readonly string[] = ['1/model', ...BESIDE.flat(), '2/model', BOOKING, '3/model']

/** What is done, sooner or later, while a step is held. */
export function runsBeside(step: string): readonly string[] {
  const own = BESIDE.find((steps) => steps.includes(step))
  return own ? BESIDE.filter((steps) => steps !== own).flat() : []
}
