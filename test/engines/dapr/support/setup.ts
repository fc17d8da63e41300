/** Dapr is built, if need be, before the first test and not within its time. */
import { daprBinaries } from '../../../../tools/dapr/binaries.mjs'

export default function setup(): void {
  daprBinaries()
}
