persistent actor {
  var count : Nat = 0;
  public func increment() : async Nat { count += 1; count };
  public query func read() : async Nat { count };
};
