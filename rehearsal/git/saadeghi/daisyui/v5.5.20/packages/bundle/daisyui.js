// A stand-in of the rehearsal.
export default {}
